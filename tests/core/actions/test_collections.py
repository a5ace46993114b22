"""`collection.*`: pure functions on lists."""

from __future__ import annotations

import copy
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.actions.answers import answer, refusal

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
KEYS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from("abc")
ITEM: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"n": WHOLE}), st.fixed_dictionaries({"n": WHOLE, "k": KEYS})
)
ITEMS = st.lists(ITEM, max_size=30)


def same(one: Any, two: Any) -> bool:
    """Equal in JSON: 1 and 1.0 are, 1 and true are not."""
    return isinstance(one, bool) is isinstance(two, bool) and one == two


@given(ITEMS)
async def test_groups_hold_every_item_once(items: list[Any]) -> None:
    """Each in the group of its key, in order; no two groups have one key."""
    before = copy.deepcopy(items)
    groups = (await answer("collection.group_by", items=items, by="k"))["groups"]
    assert items == before
    for group in groups:
        assert group["items"] == [i for i in items if same(i.get("k"), group["key"])]
    assert sum(len(group["items"]) for group in groups) == len(items)
    firsts = [group["items"][0] for group in groups]
    assert (await answer("collection.unique_by", items=items, by="k"))["items"] == firsts


async def test_groups_come_in_order_of_appearance() -> None:
    """Keys are members inside members, or the items themselves."""
    items = [{"c": {"id": 2}}, {"c": {"id": 1}}, {"c": {"id": 2.0}}, {"c": 5}]
    made = await answer("collection.group_by", items=items, by="c.id")
    assert [(group["key"], len(group["items"])) for group in made["groups"]] == [
        (2, 2),
        (1, 1),
        (None, 1),
    ]
    made = await answer("collection.unique_by", items=["b", 1, "a", True, "b", 1.0, None])
    assert made["items"] == ["b", 1, "a", True, None]


SORTED: list[tuple[list[Any], list[Any], list[Any]]] = [
    ([3, 1, 2.5], [{}], [1, 2.5, 3]),
    (["b", "B", "a"], [{}], ["B", "a", "b"]),
    ([None, 2, None, 1], [{}], [1, 2, None, None]),
    ([None, 2, 1], [{"descending": True}], [2, 1, None]),
    ([True, False], [{}], [False, True]),
    ([], [{}], []),
]


@pytest.mark.parametrize(("items", "by", "expected"), SORTED)
async def test_items_are_sorted(items: list[Any], by: list[Any], expected: list[Any]) -> None:
    """By size, by code points, false first; null is last in either direction."""
    assert (await answer("collection.sort_by", items=items, by=by))["items"] == expected


ROWS = st.lists(
    st.fixed_dictionaries({"a": st.integers(0, 3), "b": st.sampled_from("xy"), "n": WHOLE})
)


@given(ROWS, st.booleans())
async def test_sorting_by_two_keys_is_stable(rows: list[Any], descending: bool) -> None:
    """The second decides between equals of the first, and the order of before after that."""
    made = await answer(
        "collection.sort_by",
        items=rows,
        by=[{"path": "b", "descending": descending}, {"path": "a"}],
    )
    sign = -1 if descending else 1
    assert made["items"] == sorted(rows, key=lambda row: (sign * ord(row["b"]), row["a"]))


async def test_keys_of_several_kinds_have_no_order() -> None:
    """The kinds are told, not the keys."""
    error = await refusal("collection.sort_by", items=["Ada", 1])
    assert error.error_code == "COLLECTION_KEYS_MIXED"
    assert "number, text" in error.message


NO_KEYS: list[tuple[str, dict[str, Any]]] = [
    ("collection.group_by", {"items": [1, [2]]}),
    ("collection.unique_by", {"items": [{"a": 1}, {"a": {}}], "by": "a"}),
    ("collection.sort_by", {"items": [1, {}]}),
    ("collection.sum_by", {"items": [1, {}]}),
    ("collection.join", {"left": [{}, {"a": []}], "right": [], "leftKey": "a"}),
    ("collection.join", {"left": [], "right": [{}, {"a": []}], "leftKey": "a"}),
]


@pytest.mark.parametrize(("action_id", "request_"), NO_KEYS)
async def test_lists_and_objects_are_no_keys(action_id: str, request_: dict[str, Any]) -> None:
    """The item is named by its place."""
    error = await refusal(action_id, **request_)
    assert error.error_code == "COLLECTION_KEY"
    assert error.details == {"index": 1}


@given(st.lists(WHOLE), st.integers(1, 10))
async def test_chunks_are_flattened_to_what_they_were(items: list[int], size: int) -> None:
    """All but the last have the size; one after the other they are the list."""
    chunks = (await answer("collection.chunk", items=items, size=size))["chunks"]
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(1 <= len(chunk) <= size for chunk in chunks)
    assert (await answer("collection.flatten", items=chunks))["items"] == items


@pytest.mark.parametrize(
    ("items", "depth", "flat"),
    [
        ([1, [2, [3, [4]]], []], 1, [1, 2, [3, [4]]]),
        ([1, [2, [3, [4]]], []], 2, [1, 2, 3, [4]]),
        ([1, [2, [3, [4]]], []], 100, [1, 2, 3, 4]),
        ([{"a": [1]}, "xy", None], 5, [{"a": [1]}, "xy", None]),
        ([], 1, []),
    ],
)
async def test_lists_in_lists_are_opened(items: list[Any], depth: int, flat: list[Any]) -> None:
    """As deep as asked for; objects and text stay closed."""
    assert (await answer("collection.flatten", items=items, depth=depth))["items"] == flat


@given(st.lists(st.tuples(KEYS, st.decimals(-1000, 1000, places=2))))
async def test_sums_lose_nothing(rows: list[tuple[Any, Decimal]]) -> None:
    """Amounts add up as they are written, not as doubles do."""
    items = [{"k": key, "v": float(amount)} for key, amount in rows]
    made = await answer("collection.sum_by", items=items, value="v", by="k")
    assert Decimal(str(made["total"])) == sum((amount for _, amount in rows), Decimal())
    assert made["count"] == len(rows)
    for group in made["groups"]:
        mine = [amount for key, amount in rows if same(key, group["key"])]
        assert (Decimal(str(group["sum"])), group["count"]) == (sum(mine, Decimal()), len(mine))


SUMS: list[tuple[list[Any], float, int]] = [
    ([0.1, 0.2], 0.3, 2),
    ([], 0, 0),
    ([None, 4], 4, 1),
    ([1e308, 5e-324, -1e308], 5e-324, 3),
    ([2**53 - 1, 1], float(2**53), 2),
]


@pytest.mark.parametrize(("items", "total", "count"), SUMS)
async def test_numbers_are_added_up(items: list[Any], total: float, count: int) -> None:
    """Null is left out; no order of addition matters."""
    made = await answer("collection.sum_by", items=items)
    assert made == {"total": total, "count": count, "groups": []}
    assert Fraction(made["total"]) == Fraction(total)


async def test_what_is_no_number_is_not_added_up() -> None:
    """Text with digits and true are no numbers; a sum has to be one too."""
    for wrong in ("1", True):
        error = await refusal("collection.sum_by", items=[{"v": wrong}], value="v")
        assert (error.error_code, error.details) == ("COLLECTION_VALUE", {"index": 0})
    error = await refusal("collection.sum_by", items=[1.7e308, 1.7e308])
    assert error.error_code == "NUMBER_RANGE"


@given(ITEMS, ITEMS, st.sampled_from(["matched", "left"]))
async def test_a_join_is_what_two_loops_would_find(
    left: list[Any], right: list[Any], keep: str
) -> None:
    """Every pair with equal keys, in order; null belongs to nothing."""
    expected: list[dict[str, Any]] = []
    for one in left:
        found = [
            {"left": one, "right": two}
            for two in right
            if one.get("k") is not None and same(one.get("k"), two.get("k"))
        ]
        if not found and keep == "left":
            found = [{"left": one, "right": None}]
        expected += found
    made = await answer("collection.join", left=left, right=right, leftKey="k", keep=keep)
    assert made["pairs"] == expected


async def test_each_list_has_its_own_key() -> None:
    """Orders by the customer's id, customers by their own."""
    made = await answer(
        "collection.join",
        left=[{"customer": {"id": 1}}],
        right=[{"id": 1, "name": "Ada"}],
        leftKey="customer.id",
        rightKey="id",
    )
    assert made["pairs"][0]["right"]["name"] == "Ada"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([{"k": 1}] * 1000, [{"k": 1}] * 1000),
        ([{"k": 1, "text": "x" * 100_000}], [{"k": 1}] * 20_000),
        ([{"k": 1}] * 20_000, [{"k": 1, "text": "x" * 100_000}]),
    ],
)
async def test_a_join_that_multiplies_is_refused(left: list[Any], right: list[Any]) -> None:
    """Before its pairs take memory."""
    error = await refusal("collection.join", left=left, right=right, leftKey="k")
    assert error.error_code == "SIZE_LIMIT"


@pytest.mark.parametrize(
    ("action_id", "request_"),
    [
        ("collection.group_by", {}),
        ("collection.group_by", {"items": None}),
        ("collection.group_by", {"items": [1] * 20_001}),
        ("collection.group_by", {"items": [], "by": "a."}),
        ("collection.unique_by", {"items": {}, "by": "a"}),
        ("collection.sort_by", {"items": [], "by": []}),
        ("collection.chunk", {"items": [], "size": 0}),
        ("collection.flatten", {"items": [], "depth": 0}),
        ("collection.join", {"left": [], "right": []}),
    ],
)
async def test_other_input_is_refused(action_id: str, request_: dict[str, Any]) -> None:
    """Types and bounds are those of the schemas."""
    assert (await refusal(action_id, **request_)).error_code == "ACTION_INPUT_INVALID"

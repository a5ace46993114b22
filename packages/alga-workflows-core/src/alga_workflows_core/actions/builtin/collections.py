"""Pure actions on lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Literal, cast

from pydantic import Field

from alga_workflows_core.actions.builtin.decimals import as_number, decimal, exact
from alga_workflows_core.actions.builtin.members import Identity, Path, key_of
from alga_workflows_core.actions.builtin.refusals import refused, too_large
from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.actions.lanes import MAX_REMOTE_BYTES
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model

MAX_ITEMS = 20_000
"""Items of a list, and pairs of a join."""

_BY = "Path to the key in each item; the item itself if absent. What is not there counts as null."

_Items = Annotated[list[Json], Field(max_length=MAX_ITEMS)]


class ItemsOutput(Model):
    """A list."""

    items: Annotated[list[Json], Field(description="The items, in order.")]


class GroupInput(Model):
    """Items, and what makes some of them belong together."""

    items: Annotated[_Items, Field(description="The items.")]
    by: Annotated[Path | None, Field(description=_BY)] = None


class Group(Model):
    """Items with one key."""

    key: Annotated[Json, Field(description="The key, as the first of the items has it.")]
    items: Annotated[list[Json], Field(description="The items with this key, in order.")]


class GroupOutput(Model):
    """Groups in the order of their first items."""

    groups: Annotated[list[Group], Field(description="One group for each key.")]


@action("collection.group_by", version=1, kind=ActionKind.PURE)
async def group_by(request: GroupInput) -> GroupOutput:
    """Items with equal keys in one group; keys are text, numbers, true, false or null."""
    groups = _grouped(request.items, request.by, of="items")
    return GroupOutput(groups=[Group(key=key, items=items) for (_, key), items in groups.items()])


def _grouped(items: Sequence[Json], by: str | None, *, of: str) -> dict[Identity, list[Json]]:
    groups: dict[Identity, list[Json]] = {}
    for index, item in enumerate(items):
        groups.setdefault(key_of(item, by, of=of, index=index), []).append(item)
    return groups


class UniqueInput(Model):
    """Items, and what makes two of them the same."""

    items: Annotated[_Items, Field(description="The items.")]
    by: Annotated[Path | None, Field(description=_BY)] = None


@action("collection.unique_by", version=1, kind=ActionKind.PURE)
async def unique_by(request: UniqueInput) -> ItemsOutput:
    """Of items with equal keys the first one."""
    groups = _grouped(request.items, request.by, of="items")
    return ItemsOutput(items=[items[0] for items in groups.values()])


class SortKey(Model):
    """By what to sort."""

    path: Annotated[Path | None, Field(description=_BY)] = None
    descending: Annotated[bool, Field(description="Whether large ones come first.")] = False


class SortInput(Model):
    """Items, and by what to sort them."""

    items: Annotated[_Items, Field(description="The items.")]
    by: Annotated[
        list[SortKey],
        Field(
            min_length=1,
            max_length=10,
            description="The keys; a further one decides between items that are equal so far.",
        ),
    ] = [SortKey()]  # noqa: RUF012 - a default of a model, which Pydantic copies


@action("collection.sort_by", version=1, kind=ActionKind.PURE)
async def sort_by(request: SortInput) -> ItemsOutput:
    """Items in order: numbers by size, text by code points, false before true, null at the end."""
    order = list(range(len(request.items)))
    for key in reversed(request.by):
        order = _sorted(request.items, order, key)
    return ItemsOutput(items=[request.items[index] for index in order])


def _sorted(items: Sequence[Json], order: Sequence[int], by: SortKey) -> list[int]:
    keys = [key_of(item, by.path, of="items", index=index) for index, item in enumerate(items)]
    kinds = {kind for kind, _ in keys if kind != "null"}
    if len(kinds) > 1:
        raise refused(
            "COLLECTION_KEYS_MIXED",
            f"The items have keys of several kinds: {', '.join(sorted(kinds))}.",
            "Make all of them numbers or all of them text, in an expression for instance.",
        )
    there = [index for index in order if keys[index][0] != "null"]
    there.sort(key=lambda index: keys[index][1], reverse=by.descending)
    return there + [index for index in order if keys[index][0] == "null"]


class ChunkInput(Model):
    """Items, and how many make a chunk."""

    items: Annotated[_Items, Field(description="The items.")]
    size: Annotated[int, Field(ge=1, le=MAX_ITEMS, description="Items in each chunk.")]


class ChunkOutput(Model):
    """Chunks."""

    chunks: Annotated[
        list[list[Json]], Field(description="Lists of `size` items; the last may have fewer.")
    ]


@action("collection.chunk", version=1, kind=ActionKind.PURE)
async def chunk(request: ChunkInput) -> ChunkOutput:
    """A list cut into lists of one size."""
    items, size = request.items, request.size
    return ChunkOutput(chunks=[items[first : first + size] for first in range(0, len(items), size)])


class FlattenInput(Model):
    """A list of lists."""

    items: Annotated[_Items, Field(description="The items; those that are lists are opened.")]
    depth: Annotated[
        int, Field(ge=1, le=100, description="How many levels of lists are opened.")
    ] = 1


@action("collection.flatten", version=1, kind=ActionKind.PURE)
async def flatten(request: FlattenInput) -> ItemsOutput:
    """The items of the lists in a list, in one list."""
    return ItemsOutput(items=list(_flat(request.items, request.depth)))


def _flat(items: Sequence[Json], depth: int) -> Iterator[Json]:
    for item in items:
        if depth and isinstance(item, list):
            yield from _flat(cast("list[Json]", item), depth - 1)
        else:
            yield item


class SumInput(Model):
    """Items, what to add up of each, and by what apart."""

    items: Annotated[_Items, Field(description="The items.")]
    value: Annotated[
        Path | None,
        Field(
            description="Path to the number in each item; the item itself if absent. What is null"
            " or not there is left out."
        ),
    ] = None
    by: Annotated[
        Path | None, Field(description="Path to the key by which sums are told apart.")
    ] = None


class Sum(Model):
    """The sum for one key."""

    key: Annotated[Json, Field(description="The key.")]
    sum: Annotated[int | float, Field(description="The sum of the numbers with this key.")]
    count: Annotated[int, Field(description="How many numbers were added up.")]


class SumOutput(Model):
    """Sums."""

    total: Annotated[int | float, Field(description="The sum of all numbers; 0 if there is none.")]
    count: Annotated[int, Field(description="How many numbers were added up.")]
    groups: Annotated[
        list[Sum], Field(description="A sum for each key, in order of appearance; none without by.")
    ]


@action("collection.sum_by", version=1, kind=ActionKind.PURE)
async def sum_by(request: SumInput) -> SumOutput:
    """Sums as one would write them: 0.1 and 0.2 make 0.3."""
    numbers: dict[Identity, list[Decimal]] = {}
    for index, item in enumerate(request.items):
        kind, number = key_of(item, request.value, of="items", index=index)
        if kind not in {"null", "number"}:
            raise refused(
                "COLLECTION_VALUE",
                f"What item {index} of `items` has is no number.",
                "Name a member that is a number, or convert it first.",
                index=index,
            )
        key = key_of(item, request.by, of="items", index=index) if request.by else ("null", None)
        held = numbers.setdefault(key, [])
        if kind == "number":
            held.append(decimal(number))
    every = [number for held in numbers.values() for number in held]
    groups = [Sum(key=key, sum=_sum(held), count=len(held)) for (_, key), held in numbers.items()]
    return SumOutput(
        total=_sum(every), count=len(every), groups=groups if request.by is not None else []
    )


def _sum(numbers: Sequence[Decimal]) -> int | float:
    context, total = exact(), Decimal()
    for number in numbers:
        total = context.add(total, number)
    return as_number(total)


class JoinInput(Model):
    """Two lists, and the keys by which their items belong together."""

    left: Annotated[_Items, Field(description="The first list.")]
    right: Annotated[_Items, Field(description="The second list.")]
    left_key: Annotated[Path, Field(description="Path to the key in items of `left`.")]
    right_key: Annotated[
        Path | None,
        Field(description="Path to the key in items of `right`; as `leftKey` if absent."),
    ] = None
    keep: Annotated[
        Literal["matched", "left"],
        Field(description="Whether items of `left` without a partner are left out or kept."),
    ] = "matched"


class Pair(Model):
    """Two items with one key."""

    left: Annotated[Json, Field(description="An item of `left`.")]
    right: Annotated[Json, Field(description="An item of `right`; null if there is none.")]


class JoinOutput(Model):
    """Pairs in the order of `left`, then of `right`."""

    pairs: Annotated[list[Pair], Field(description="What belongs together.")]


@action("collection.join", version=1, kind=ActionKind.PURE)
async def join(request: JoinInput) -> JoinOutput:
    """Pairs of the items of two lists whose keys are equal; null is equal to nothing."""
    groups = _grouped(request.right, request.right_key or request.left_key, of="right")
    room = MAX_REMOTE_BYTES
    sizes = {id(item): encoded_size(item) for items in groups.values() for item in items}
    pairs: list[Pair] = []
    for index, item in enumerate(request.left):
        key = key_of(item, request.left_key, of="left", index=index)
        partners = groups.get(key, []) if key[0] != "null" else []
        if not partners and request.keep == "left":
            partners = [None]
        size = encoded_size(item) if partners else 0
        for partner in partners:
            # Each item is written once for each of its partners.
            room -= size + sizes.get(id(partner), 0)
            if room < 0 or len(pairs) == MAX_ITEMS:
                raise too_large("The pairs", "Use keys that fewer items have.")
            pairs.append(Pair(left=item, right=partner))
    return JoinOutput(pairs=pairs)


def actions() -> Sequence[Action]:
    """The actions of this family."""
    return [group_by, unique_by, sort_by, chunk, flatten, sum_by, join]

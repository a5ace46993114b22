"""Writes of branches and items that run at the same time, and names of items that hide others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.validation.blocks import (
    ASKED,
    LIST,
    Step,
    again,
    assign,
    attempt,
    call,
    decide,
    end,
    found,
    label,
    loop,
    together,
)

CONFLICT = "PARALLEL_WRITE_CONFLICT at"
MAYBE = {"$expr": "payload.lanes"}


def returned(expression: str) -> Step:
    return end("end", value={"$expr": expression})


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("a", "a", True),
        ("a", "a__b", True),
        ("a__b__c", "a", True),
        ("a__b", "a__c", False),
        ("a", "ab", False),
        ("a__b", "ab__b", False),
        ("a__b__c", "a__b__c", True),
    ],
)
def test_two_branches_overlap_where_one_writes_into_the_other(
    one: str, other: str, overlap: bool
) -> None:
    """Equal paths and paths that begin with the other; the later branch is told."""
    branches = together("p", [assign("x", **{one: 1})], [assign("y", **{other: 2})])
    path = f"vars.{other.replace('__', '.')}"
    where = f"/steps/0/branches/1/steps/0/config/assign/{path}"
    assert found(branches) == ([f"{CONFLICT} {where}"] if overlap else [])


def test_a_branch_may_write_a_variable_as_often_as_it_likes() -> None:
    """At whatever depth; and of another branch each path is told once."""
    deep = decide("i", [assign("x", a=1)], [loop("l", assign("y", a=2), assign("z", a__b=3))])
    assert found(together("p", [deep, assign("w", a=4)], [assign("v", b=1)])) == []
    twice = [assign("v", a=1), decide("j", [assign("u", a=2)])]
    assert found(together("p", [deep], twice)) == [
        f"{CONFLICT} /steps/0/branches/1/steps/0/config/assign/vars.a"
    ]


def test_what_every_kind_of_step_writes_counts() -> None:
    """Outputs, errors, answers and joins."""
    first = [assign("first", a=1, b=1, c=1, d=1, e=1)]
    failing = attempt("t", label("g"), catch=[label("h")], captureErrorAs="vars.a")
    kept = loop("l", label("k"), output=1, saveAs="vars.b")
    saved = call("c", saveAs="vars.c") | {"onError": {"policy": "continue", "saveAs": "vars.d"}}
    config = {"eventName": "ORDER_SHIPPED", "assign": {"vars.e": 1}}
    event = {"id": "w", "type": "event.wait", "config": {"any": [config]}}
    assert found(together("p", first, [failing, kept, saved, event])) == [
        f"{CONFLICT} /steps/0/branches/1/steps/0/captureErrorAs",
        f"{CONFLICT} /steps/0/branches/1/steps/1/saveAs",
        f"{CONFLICT} /steps/0/branches/1/steps/2/config/saveAs",
        f"{CONFLICT} /steps/0/branches/1/steps/2/onError/saveAs",
        f"{CONFLICT} /steps/0/branches/1/steps/3/config/any/0/assign/vars.e",
    ]


def test_the_join_any_keeps_the_writes_of_one_branch() -> None:
    """So nothing is lost that another branch could have kept; settled keeps those of all."""
    branches = [assign("x", a=1)], [assign("y", a=2)]
    assert found(together("p", *branches, join="any")) == []
    assert found(together("p", *branches, join="settled")) == [
        f"{CONFLICT} /steps/0/branches/1/steps/0/config/assign/vars.a"
    ]


def test_branches_inside_of_branches_are_compared_with_their_own() -> None:
    """What the outer branches both write is told of these."""
    inner = together("q", [assign("x", a=1)], [assign("y", b=1)])
    assert found(together("p", [inner], [assign("z", b=2)])) == [
        f"{CONFLICT} /steps/0/branches/1/steps/0/config/assign/vars.b"
    ]


ADD = assign("add", total="vars.total + row.price")
IN_BODY = f"{CONFLICT} /steps/0/body/0/config/assign/vars.total"


@pytest.mark.parametrize("concurrency", [2, 100, MAYBE])
def test_what_items_write_is_told_if_it_is_read_behind_the_loop(concurrency: Any) -> None:
    """They start with copies, so a sum over them is that of the last one only."""
    assert found(loop("l", ADD, concurrency=concurrency), returned("vars.total")) == [IN_BODY]


def test_items_that_share_their_variables_may_write_as_they_like() -> None:
    """One at a time, each sees what the former wrote."""
    assert found(loop("l", ADD), returned("vars.total")) == []
    assert found(loop("l", ADD, concurrency=1), returned("vars.total")) == []


def test_what_only_an_item_reads_is_its_own() -> None:
    """In the body, in the loop's output, and in what is in front of the loop."""
    scratch = loop(
        "l",
        assign("x", note="row.name"),
        label("y", {"$expr": "vars.note"}),
        output={"$expr": "vars.note"},
        saveAs="vars.notes",
        concurrency=4,
    )
    assert (
        found(assign("first", note="payload.note"), label("h", {"$expr": "vars.note"}), scratch)
        == []
    )
    assert found(scratch, returned("vars.notes")) == []


@pytest.mark.parametrize(
    "read",
    [
        returned("{'sum': $round(vars.total.net, 2)}"),
        decide("i", [label("g")], condition={"$expr": "vars.total > 1"}),
        loop("m", label("g"), items={"$expr": "vars.total"}, itemVar="cell"),
        assign("x", y="vars.total"),
        together("p", [label("g")], [label("h", {"$expr": "$string(vars.total)"})]),
        attempt("t", label("g"), catch=[label("h", {"$expr": "vars.total"})]),
    ],
)
def test_whatever_reads_it_behind_the_loop_counts(read: Step) -> None:
    """Also a part of it, at any depth."""
    assert found(loop("l", ADD, concurrency=2), read) == [IN_BODY]


def test_all_variables_at_once_are_not_a_reading_of_one() -> None:
    """Nor is another variable whose name begins alike, or the payload's field of that name."""
    each = loop("l", assign("x", a=1), concurrency=2)
    assert found(assign("f", ab=1), each, returned("[vars, vars.ab, payload.a]")) == []


def test_what_is_overwritten_before_it_is_read_is_not_told() -> None:
    """A step that overwrites it may read it in the same breath."""
    each = loop("l", ADD, concurrency=2)
    assert found(each, assign("reset", total=0), returned("vars.total")) == []
    assert found(each, call("reset", saveAs="vars.total"), returned("vars.total")) == []
    assert found(each, assign("more", total="vars.total + 1")) == [IN_BODY]
    assert found(each, assign("reset", total=0, more="vars.total")) == []
    assert found(each, assign("reset", more="vars.total", total=0)) == [IN_BODY]
    nested = loop("l", assign("x", sum__net=1), concurrency=2)
    assert found(nested, assign("reset", sum={}), returned("vars.sum.net")) == []


def test_a_loop_may_keep_its_outputs_under_the_name() -> None:
    """They take the place of what the items wrote."""
    each = loop("l", ADD, concurrency=2, output={"$expr": "vars.total"}, saveAs="vars.total")
    assert found(each, returned("vars.total")) == []


def test_the_next_turn_of_a_loop_around_is_behind_it_too() -> None:
    """A while asks its condition again, and the body's first steps come again."""
    each = loop("l", ADD, concurrency=2)
    asked = again("w", each, condition={"$expr": "vars.total < 10"})
    in_body = f"{CONFLICT} /steps/0/body/0/body/0/config/assign/vars.total"
    assert found(asked) == [in_body]
    shown = label("g", {"$expr": "vars.total"})
    behind = f"{CONFLICT} /steps/0/body/1/body/0/config/assign/vars.total"
    assert found(loop("m", shown, each, itemVar="cell")) == [behind]
    assert found(loop("m", shown, each, itemVar="cell", concurrency=2)) == []
    assert found(loop("m", assign("reset", total=0), shown, each, itemVar="cell")) == []
    reset = again("w", assign("reset", total=0), each, condition=ASKED)
    last = f"{CONFLICT} /steps/0/body/1/body/0/config/assign/vars.total"
    assert found(reset) == []
    assert found(reset, returned("vars.total")) == [last]
    items = loop("m", each, itemVar="cell", items={"$expr": "vars.total"})
    assert found(assign("first", total=[1]), items) == []


def test_other_branches_and_blocks_are_not_behind_it() -> None:
    """They have copies of their own, or do not run at all."""
    each = loop("l", ADD, concurrency=2)
    shown = label("g", {"$expr": "vars.total"})
    assert found(together("p", [each], [shown])) == []
    assert found(decide("i", [each], [shown])) == []
    assert found(decide("i", [each], [label("h")]), shown) == [
        f"{CONFLICT} /steps/0/then/0/body/0/config/assign/vars.total"
    ]
    branches = together("p", [each], [label("h")], saveAs="vars.joined")
    branches["branches"][0]["output"] = {"$expr": "vars.total"}
    assert found(branches) == [
        f"{CONFLICT} /steps/0/branches/0/steps/0/body/0/config/assign/vars.total"
    ]
    assert found(attempt("t", each, catch=[shown])) == [
        f"{CONFLICT} /steps/0/try/0/body/0/config/assign/vars.total"
    ]


def test_each_path_of_a_loop_is_told_once() -> None:
    """At the first step that writes it, and of the innermost loop that loses it."""
    inner = loop("m", ADD, assign("y", total=1), itemVar="cell", concurrency=2)
    outer = loop("l", inner, concurrency=2)
    where = "/steps/0/body/0/body/0/config/assign/vars.total"
    assert found(outer, returned("vars.total")) == [f"{CONFLICT} {where}"]


def test_what_the_body_of_an_outer_loop_reads_is_behind_the_inner_one() -> None:
    """Each item of the outer one gets what the last item of the inner one wrote."""
    inner = loop("m", ADD, itemVar="cell", concurrency=2)
    shown = label("g", {"$expr": "vars.total"})
    where = "/steps/0/body/0/body/0/config/assign/vars.total"
    assert found(loop("l", inner, shown, concurrency=2)) == [f"{CONFLICT} {where}"]


def test_an_inner_loop_needs_a_name_of_its_own() -> None:
    """Loops beside each other may share one, and so may a loop and one around its neighbour."""
    assert found(loop("l", loop("m", label("g")))) == ["NAME_SHADOWED at /steps/0/body/0/itemVar"]
    deep = decide("i", [loop("m", label("g"))])
    assert found(loop("l", again("w", deep, condition=ASKED))) == [
        "NAME_SHADOWED at /steps/0/body/0/body/0/then/0/itemVar"
    ]
    assert found(loop("l", label("g")), loop("m", label("h"))) == []
    assert found(loop("l", label("g"), itemVar="item"), loop("m", label("h"), itemVar="item")) == []


def test_item_means_the_innermost_one() -> None:
    """Who has called the outer one so is told where the inner one is meant by it."""
    shown = label("g", {"$expr": "item.name"})
    inner = loop("m", shown, itemVar="cell")
    assert found(loop("l", inner, itemVar="item")) == [
        "NAME_SHADOWED at /steps/0/body/0/body/0/config/state/$expr"
    ]
    assert found(loop("l", inner, itemVar="row")) == []
    assert found(loop("l", loop("m", shown, itemVar="item"), itemVar="row")) == []
    assert found(loop("l", shown, itemVar="item")) == []
    text = label("g", {"$expr": "'item ' & cell.item & payload.item"})
    assert found(loop("l", loop("m", text, itemVar="cell"), itemVar="item")) == []


def test_the_items_of_an_inner_loop_are_asked_outside_of_it() -> None:
    """Its output is asked inside."""
    inner = loop("m", label("g"), itemVar="cell", items={"$expr": "item.cells"})
    assert found(loop("l", inner, itemVar="item")) == []
    kept = loop(
        "m", label("g"), itemVar="cell", items=LIST, output={"$expr": "item"}, saveAs="vars.a"
    )
    assert found(loop("l", kept, itemVar="item")) == [
        "NAME_SHADOWED at /steps/0/body/0/output/$expr"
    ]

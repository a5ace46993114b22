"""Ids: unique where they name something, and short enough together."""

from __future__ import annotations

from alga_workflows_core.validation.checks.ids import MAX_STEP_PATH
from tests.core.validation.blocks import (
    Step,
    again,
    attempt,
    decide,
    findings,
    found,
    label,
    loop,
    together,
)


def test_each_further_use_of_an_id_is_told_with_its_first() -> None:
    """Wherever in the tree the steps stand; ids differ by case."""
    steps = [label("a"), decide("b", [label("a")], [label("A")]), loop("c", label("a"))]
    assert found(*steps) == [
        "STEP_ID_DUPLICATE at /steps/1/then/0/id",
        "STEP_ID_DUPLICATE at /steps/2/body/0/id",
    ]
    assert {each.message for each in findings(*steps)} == {
        "The id 'a' is used at /steps/0 already."
    }


def test_branches_are_named_within_their_step_only() -> None:
    """Two steps may have branches of the same names, also as steps have; one step may not."""
    twice = together("x", [label("b0")], [label("c")])
    assert found(twice, together("y", [label("d")], [label("e")])) == []
    three = together("z", [label("f")], [label("g")], [label("h")])
    for branch in three["branches"]:
        branch["id"] = "same"
    assert found(three) == [
        "BRANCH_ID_DUPLICATE at /steps/0/branches/1/id",
        "BRANCH_ID_DUPLICATE at /steps/0/branches/2/id",
    ]


def _name(number: int, length: int) -> str:
    return f"s{number}".ljust(length, "_")


def _inside(innermost: Step, depth: int) -> Step:
    """Conditions inside each other with ids of 62 characters, and in them `innermost`."""
    made = innermost
    for level in reversed(range(depth)):
        made = decide(_name(level, 62), [made])
    return made


def test_a_path_may_have_so_many_characters_and_no_more() -> None:
    """The slashes between the ids count; the first step of a block that is too deep is told."""
    used = 23 * 63
    assert found(_inside(label(_name(23, MAX_STEP_PATH - used)), 23)) == []
    too_deep = "/steps/0" + "/then/0" * 23 + "/id"
    longer = label(_name(23, MAX_STEP_PATH - used + 1))
    assert found(_inside(longer, 23)) == [f"STEP_PATH_TOO_LONG at {too_deep}"]


def test_loops_and_branches_are_in_the_path_too() -> None:
    """A loop adds the index of its turn, a parallel the id of the branch, other blocks nothing."""
    left = MAX_STEP_PATH - 23 * 63
    here = "/steps/0" + "/then/0" * 23
    for made, place, added in (
        (_try, "/try/0", "/leaf"),
        (_each, "/body/0", "[100000]/leaf"),
        (_while, "/body/0", "[100000]/leaf"),
        (_both, "/branches/0/steps/0", "/b0/leaf"),
    ):
        fits = left - len(added)
        assert found(_inside(made(_name(99, fits)), 23)) == []
        assert found(_inside(made(_name(99, fits + 1)), 23)) == [
            f"STEP_PATH_TOO_LONG at {here}{place}/id"
        ]


def _try(name: str) -> Step:
    return attempt(name, label("leaf"), **{"finally": [label("e")]})


def _each(name: str) -> Step:
    return loop(name, label("leaf"))


def _while(name: str) -> Step:
    return again(name, label("leaf"), condition={"$expr": "payload.more"})


def _both(name: str) -> Step:
    return together(name, [label("leaf")])

"""The scope: what expressions see, what branches write, and what a run may carry."""

from __future__ import annotations

from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.sizes import MAX_CARRIED_BYTES, encoded_size
from alga_workflows_core.interpreter.variables import Variables
from tests.core.interpreter.scopes import refusal, scope, seen
from tests.core.interpreter.world import expression


def test_names_are_seen_inside_and_not_outside() -> None:
    """Inner names hide outer ones; leaving them brings the outer ones back."""
    outer = scope({"p": 1}, v=2)
    order = outer.with_names({"item": "order", "index": 0})
    line = order.with_names({"item": "line", "length": 3})
    assert seen(line, "[item, index, length, payload.p, vars.v]") == ["line", 0, 3, 1, 2]
    assert seen(order, "[item, index, $exists(length)]") == ["order", 0, False]
    assert seen(outer, "$exists(item) or $exists(index)") is False
    assert line.condition(expression("item = 'line'"), "step") is True


def test_no_name_hides_the_four() -> None:
    """A loop's name is refused at publish; if one came through, payload and variables stay."""
    hiding = scope({"p": 1}, v=2).with_names({"payload": 0, "vars": 0, "meta": 0, "system": 0})
    assert seen(hiding, "[payload.p, vars.v, system.runId]") == [1, 2, "R"]


def test_views_share_their_variables() -> None:
    """A loop with concurrency 1 shares the scope: assignments through either are seen by both."""
    outer = scope(n=1)
    inner = outer.with_names({"item": 1})
    innermost = inner.with_names({"error": {"code": "X"}})
    innermost.assign("vars.n", 2, "step")
    assert [seen(view, "vars.n") for view in (outer, inner, innermost)] == [2, 2, 2]
    outer.assign("vars.m", 3, "step")
    assert seen(innermost, "vars.m") == 3


def test_branches_are_joined_in_the_order_given() -> None:
    """Their writes are private until then; a branch that is left out leaves no trace."""
    outer = scope(n=1)
    lanes = [outer.with_names({"item": item}).branch() for item in "abcd"]
    for lane in reversed(lanes):
        lane.assign("vars.last", lane.resolve(expression("item"), "step"), "step")
        lane.with_names({"error": {}}).assign(
            f"vars.seen.{lane.names['item']}", lane.vars["n"], "s"
        )
        assert outer.vars == {"n": 1}
    outer.join([lanes[0], lanes[1], lanes[3]], "step")
    assert outer.vars == {"n": 1, "last": "d", "seen": {"a": 1, "b": 1, "d": 1}}


def test_branches_inside_branches() -> None:
    """What is joined into a branch is its own write, and goes where the branch goes."""
    outer = scope()
    kept, dropped = outer.branch(), outer.branch()
    for lane in (kept, dropped):
        inner = lane.with_names({"item": 1}).branch()
        inner.assign("vars.inner", 1, "step")
        lane.join([inner], "step")
        assert lane.vars == {"inner": 1}
    assert outer.vars == {}
    outer.join([], "step")
    assert outer.vars == {}
    outer.join([kept], "step")
    assert outer.vars == {"inner": 1}


def test_a_branch_goes_on_from_its_json() -> None:
    """A scope is made again from the payload and the JSON of its variables."""
    before = scope({"p": 1}, a={"b": 1})
    lane = before.branch()
    lane.assign("vars.a.c", 2, "step")
    carried = before.variables.as_json(), lane.variables.as_json()
    variables = Variables.from_json(carried[0])
    after = Scope(payload={"p": 1}, system={}, sources=before.sources, initial=variables)
    again = Scope(
        payload={"p": 1},
        system={},
        sources=before.sources,
        initial=Variables.from_json(carried[1], after.variables),
    )
    after.join([again], "step")
    assert after.vars == {"a": {"b": 1, "c": 2}}


def test_branches_count_together() -> None:
    """Each branch is within the limit, both together are not: the write that crosses it fails, and
    nothing is written. What a branch wrote does not count any more when it is over.
    """
    half = "x" * (MAX_CARRIED_BYTES // 2)
    outer = scope("p" * 100, n=1)
    first, second = outer.branch(), outer.branch()
    first.assign("vars.a", half, "first")
    error = refusal(lambda: second.assign("vars.b", half, "second"))
    assert (error.code, error.category, error.step) == ("SIZE_LIMIT", Category.LIMIT, "second")
    assert error.details is not None
    assert error.details["limit"] == MAX_CARRIED_BYTES
    written = encoded_size({"vars.a": half}) + encoded_size({"vars.b": half})
    least = encoded_size("p" * 100) + encoded_size({"n": 1}) + written
    assert least <= error.details["bytes"] <= least + 100
    assert second.vars == {"n": 1}
    first.free()
    second.assign("vars.b", half, "second")
    second.free()
    outer.join([second], "join")
    assert outer.vars == {"n": 1, "b": half}


def test_a_join_that_makes_the_run_too_heavy_fails_at_its_step() -> None:
    """Nothing is written then."""
    outer = scope("p" * 100, n=1)
    lane = outer.branch()
    lane.assign("vars.a", "x" * (MAX_CARRIED_BYTES // 2), "in a branch")
    error = refusal(lambda: outer.join([lane], "loop/parallel"))
    assert (error.code, error.step) == ("SIZE_LIMIT", "loop/parallel")
    assert outer.vars == {"n": 1}


def test_a_branch_has_the_limit_of_its_run() -> None:
    """The payload and what it began with count in a branch as well."""
    outer = scope("p" * (MAX_CARRIED_BYTES // 2), v="v" * (MAX_CARRIED_BYTES // 4))
    lane = outer.branch()
    error = refusal(lambda: lane.assign("vars.w", "w" * (MAX_CARRIED_BYTES // 4), "step"))
    assert (error.code, error.step) == ("SIZE_LIMIT", "step")
    assert lane.vars == outer.vars

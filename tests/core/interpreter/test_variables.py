"""Variables and their branches, judged by a model: plain dictionaries that are copied."""

from __future__ import annotations

import copy
import json
from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.variables import Variables


@dataclass(frozen=True)
class Write:
    """One assignment."""

    path: str
    value: Any


@dataclass(frozen=True)
class Fork:
    """Branches side by side; those that are not kept are cancelled at the end."""

    branches: list[tuple[bool, Block]]


Block: TypeAlias = list[Write | Fork]
"""What a branch does, in its order."""

# Few names, so that paths meet, lie inside each other and pass through what is no object; some
# begin like others, which is not the same as lying inside them.
NAMES = st.sampled_from(["a", "b", "ab", "ü"])
SEGMENTS = st.sampled_from(["a", "b", "ab", "a-b"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map(lambda names: ".".join(["vars", *names]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from(["", "ü", '"', "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
STARTS = st.dictionaries(NAMES, VALUES, max_size=3)
WRITES: st.SearchStrategy[Write | Fork] = st.builds(Write, PATHS, VALUES)


def _forks(blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    forks: st.SearchStrategy[Write | Fork] = st.lists(
        st.tuples(st.booleans() | st.just(value=True), blocks), max_size=3
    ).map(Fork)
    return st.lists(WRITES | forks, max_size=5)


BLOCKS = st.recursive(st.lists(WRITES, max_size=5), _forks, max_leaves=8)


def written(text: Any) -> str:
    """A value as text; it tells the order of names, which expressions can see."""
    return json.dumps(text)


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """The model of an assignment: in place, on a copy that nobody else has."""
    *way, last = path.split(".")[1:]
    here = values
    for name in way:
        if not isinstance(here.get(name), dict):
            here[name] = {}
        here = cast("dict[str, Any]", here[name])
    here[last] = copy.deepcopy(value)


def model(block: Block, start: dict[str, Any]) -> tuple[dict[str, Any], list[Write]]:
    """What `block` makes of `start`, and every single write of it, one branch after the other."""
    values, log = copy.deepcopy(start), list[Write]()
    for operation in block:
        done = [operation] if isinstance(operation, Write) else list[Write]()
        if isinstance(operation, Fork):
            for kept, branch in operation.branches:
                _, theirs = model(branch, values)
                done += theirs if kept else []
        for write in done:
            put(values, write.path, write.value)
        log += done
    return values, log


@dataclass
class Watch:
    """Sees every state that there ever was, and that none of them is changed later."""

    moving: bool
    seen: list[tuple[Variables, str]] = field(default_factory=list[tuple[Variables, str]])

    def at(self, variables: Variables, parent: Variables | None) -> Variables:
        """`variables`, or what they are after a journey as JSON."""
        assert variables.size == encoded_size(variables.values)
        self.seen.append((variables, written(variables.values)))
        if not self.moving:
            return variables
        travelled = json.loads(json.dumps(variables.as_json()))
        arrived = Variables.from_json(travelled, parent)
        assert arrived == variables
        assert written(arrived.values) == written(variables.values)
        return arrived

    def check(self) -> None:
        for variables, former in self.seen:
            assert written(variables.values) == former


Walk: TypeAlias = Generator[None, None, Variables]


def walk(
    block: Block, variables: Variables, parent: Variables | None, chance: Random, watch: Watch
) -> Walk:
    """Do what `block` says, pausing behind every write, so that others write in between."""
    for operation in block:
        if isinstance(operation, Write):
            variables = variables.assign(operation.path, operation.value)
            yield
        else:
            lanes = [
                walk(branch, variables.branch(), variables, chance, watch)
                for _, branch in operation.branches
            ]
            ended = yield from _side_by_side(lanes, chance)
            kept = [index for index, (kept, _) in enumerate(operation.branches) if kept]
            variables = variables.join([ended[index] for index in kept])
        variables = watch.at(variables, parent)
    return variables


def _side_by_side(lanes: list[Walk], chance: Random) -> Generator[None, None, dict[int, Variables]]:
    ended: dict[int, Variables] = {}
    while len(ended) < len(lanes):
        index = chance.choice([index for index in range(len(lanes)) if index not in ended])
        try:
            next(lanes[index])
        except StopIteration as end:
            ended[index] = end.value
        yield
    return ended


def run(walking: Walk) -> Variables:
    """What `walking` ends with."""
    try:
        while True:
            next(walking)
    except StopIteration as end:
        return end.value


@settings(max_examples=300, deadline=None)
@given(BLOCKS, STARTS, st.integers(0, 2**32), st.booleans())
def test_what_branches_wrote_is_carried_out_in_declared_order(
    block: Block, start: dict[str, Any], seed: int, moving: bool
) -> None:
    """Whoever wrote first, whichever were left out, however often they travelled as JSON: it is as
    if the branches had run one after the other, each from the same start."""
    watch = Watch(moving)
    before = written(start)
    made = run(walk(block, Variables.of(start), None, Random(seed), watch))  # noqa: S311
    expected, _ = model(block, start)
    assert made.values == expected
    assert written(made.values) == written(expected)
    assert made.size == encoded_size(expected)
    assert written(start) == before
    watch.check()


@settings(max_examples=300, deadline=None)
@given(BLOCKS, STARTS, STARTS, st.integers(0, 2**32))
def test_a_branch_keeps_no_more_than_it_needs(
    block: Block, start: dict[str, Any], other: dict[str, Any], seed: int
) -> None:
    """No path that it keeps lies inside another, and applied to any variables at all they give what
    every single write would have given."""
    parent = Variables.of(start)
    made = run(walk(block, parent.branch(), parent, Random(seed), Watch(moving=False)))  # noqa: S311
    expected, log = model(block, start)
    assert made.values == expected
    kept = made.written
    assert kept is not None
    assert set(kept) <= {write.path for write in log}
    assert not any(
        f"{inner}.".startswith(f"{outer}.")
        for outer in kept
        for inner in kept
        if inner is not outer
    )
    one_by_one = copy.deepcopy(other)
    for write in log:
        put(one_by_one, write.path, write.value)
    assert written(Variables.of(other).join([made]).values) == written(one_by_one)


def test_branches_that_write_beside_each_other_both_survive() -> None:
    """A write replaces what is at its path, not the object around it."""
    start = Variables.of({"a": {"kept": 1}})
    one = start.branch().assign("vars.a.b", 1)
    two = start.branch().assign("vars.a.c", 2)
    assert start.join([one, two]).values == {"a": {"kept": 1, "b": 1, "c": 2}}
    whole = start.branch().assign("vars.a", "all")
    assert start.join([one, two, whole]).values == {"a": "all"}
    assert start.join([whole, one]).values == {"a": {"b": 1}}
    assert start.join([]) == start
    assert start.values == {"a": {"kept": 1}}


def test_a_branch_sees_its_own_writes_and_those_of_nobody_else() -> None:
    """What the parent and the other branches have is as it was when it began."""
    start = Variables.of({"n": 1})
    one, two = start.branch(), start.branch()
    one = one.assign("vars.n", 2).assign("vars.own", one.values["n"])
    assert (one.values, two.values, start.values) == ({"n": 2, "own": 1}, {"n": 1}, {"n": 1})


def test_copies_share_what_is_not_written() -> None:
    """A branch costs nothing, and a write copies the objects along its path only."""
    large = {"items": list(range(10))}
    start = Variables.of({"large": large, "a": {"b": 1}})
    branch = start.branch()
    assert branch.values is start.values
    assert branch.assign("vars.a.b", 2).values["large"] is large
    assert start.join([branch.assign("vars.a.b", large)]).values["a"]["b"] is large


def test_the_json_of_variables() -> None:
    """It lies in the histories of runs, so its form stays as it is."""
    start = Variables.of({"a": {"b": 1}, "large": "x" * 1000})
    assert start.as_json() == {"values": {"a": {"b": 1}, "large": "x" * 1000}}
    branch = start.branch().assign("vars.a.c", 2).assign("vars.d", [3])
    assert branch.as_json() == {"writes": [["vars.a.c", 2], ["vars.d", [3]]]}
    assert start.branch().as_json() == {"writes": []}
    inner = branch.branch().assign("vars.d", 4)
    assert inner.as_json() == {"writes": [["vars.d", 4]]}
    assert Variables.from_json({"writes": [["vars.d", 4]]}, branch) == inner


def test_the_json_of_a_branch_does_not_grow_with_its_writes() -> None:
    """A loop that writes the same paths ten thousand times carries each of them once."""
    start = Variables.of({})
    branch = start.branch()
    for turn in range(10_000):
        branch = branch.assign("vars.last.turn", turn).assign("vars.seen", turn)
    assert branch.as_json() == {"writes": [["vars.last.turn", 9999], ["vars.seen", 9999]]}
    for turn in range(100):
        inner = branch.branch().assign("vars.last.turn", turn)
        branch = branch.join([inner])
    assert branch.as_json() == {"writes": [["vars.last.turn", 99], ["vars.seen", 9999]]}


def test_only_branches_are_joined_and_only_onto_something() -> None:
    """The variables of a run are no branch; a branch cannot be read without its parent."""
    start = Variables.of({"a": 1})
    with pytest.raises(ValueError, match="not of a branch"):
        start.join([start])
    with pytest.raises(ValueError, match="parent"):
        Variables.from_json(start.branch().as_json())

"""Writes: what branches and items that run at the same time do to the same variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.validation.checks.shadows import check_names
from alga_workflows_core.validation.checks.timeline import Timeline, has_lanes, name_of
from alga_workflows_core.validation.findings import Code, Finding, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Around, Visit
from alga_workflows_core.validation.written import above, written_paths


def check(subject: Subject) -> Iterator[Finding]:
    """Writes of which only the last one counts, and names of items that hide others."""
    branches: dict[str, _Branches] = {}
    items: list[_ItemWrite] = []
    for visit in subject.visits:
        written = list(written_paths(visit.step)) if visit.around else ()
        for around in visit.around if written else ():
            if isinstance(around.step, ParallelStep) and around.step.join != "any":
                # Of several branches the join `any` keeps what one of them wrote.
                known = branches.setdefault(around.here, _Branches())
                yield from _check_branch(visit, written, around, around.step, known)
        loop = next((each for each in reversed(visit.around) if has_lanes(each.step)), None)
        if loop is not None:
            items += [_ItemWrite(visit.here + where, path, loop) for where, path in written]
    if items:
        yield from _check_items(subject, items)
    yield from check_names(subject)


def _check_branch(
    visit: Visit,
    written: Sequence[tuple[str, str]],
    around: Around,
    step: ParallelStep,
    known: _Branches,
) -> Iterator[Finding]:
    """Of what a step in a branch of `step` writes, what a former branch writes too."""
    index = int(around.block.place[1])
    for where, path in written:
        other = known.other(index, path)
        if other is not None:
            yield warning(
                Code.PARALLEL_WRITE_CONFLICT,
                visit.here + where,
                f"The branches {step.branches[other].id!r} and {step.branches[index].id!r} of "
                f"{step.id!r} both write {quoted(path)}; what the later one writes stays.",
                "Let each branch write a variable of its own.",
            )


@dataclass(frozen=True, slots=True)
class _ItemWrite:
    """What an item of `loop` (the innermost one whose items run at the same time) writes."""

    here: str
    path: str
    loop: Around


def _check_items(subject: Subject, writes: Sequence[_ItemWrite]) -> Iterator[Finding]:
    """Of what items write, what is read behind their loop, each once."""
    timeline = Timeline(subject, {name_of(write.path) for write in writes})
    around = {visit.here: visit.around for visit in subject.visits}
    known: set[tuple[str, str]] = set()
    for write in writes:
        loop = write.loop
        if (loop.here, write.path) in known:
            continue
        known.add((loop.here, write.path))
        if timeline.is_read_behind(loop.here, around[loop.here], write.path):
            yield warning(
                Code.PARALLEL_WRITE_CONFLICT,
                write.here,
                f"Each item of {loop.step.id!r} writes a copy of {quoted(write.path)}; what is "
                "read behind the loop is the last item's alone.",
                "Give it as the loop's 'output', and keep those of all items with 'saveAs'.",
            )


class _Branches:
    """What the branches of one step have written so far, and which of them was the first."""

    __slots__ = ("_inside", "_told", "_written")

    def __init__(self) -> None:
        self._written: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        self._told: set[tuple[int, str]] = set()

    def other(self, branch: int, path: str) -> int | None:
        """A former branch that wrote what `path` overlaps; of a branch each path is told once."""
        holders = list(above(path))
        former = [self._inside.get(path), *map(self._written.get, (path, *holders))]
        self._written.setdefault(path, branch)
        for holder in holders:
            self._inside.setdefault(holder, branch)
        others = [each for each in former if each is not None and each != branch]
        if not others or (branch, path) in self._told:
            return None
        self._told.add((branch, path))
        return min(others)

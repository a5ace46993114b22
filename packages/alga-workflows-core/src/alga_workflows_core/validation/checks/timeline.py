"""The order in which a definition reads and writes variables, as far as its text tells."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alga_workflows_core.definition.paths import MAX_NAMES
from alga_workflows_core.definition.steps.base import Block
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.switch import SwitchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.checks.owners import expressions_by_step, grouped
from alga_workflows_core.validation.expressions import ReadExpression
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Around
from alga_workflows_core.validation.written import above, written_paths


def has_lanes(step: Step) -> bool:
    """Whether it is a loop whose items may run at the same time, each with its own variables."""
    return isinstance(step, ForEachStep) and step.concurrency != 1


@dataclass(frozen=True, slots=True)
class _Event:
    """A variable is read or written. `at` grows in the order of the walk."""

    at: int
    written: bool


class Timeline:
    """When the variables are read and written whose names (the first behind `vars`) are given."""

    def __init__(self, subject: Subject, names: Iterable[str]) -> None:
        self._expressions = expressions_by_step(subject)
        self._names = frozenset(names)
        # At each path; and the reads of what is inside of it.
        self._events: dict[str, list[_Event]] = {}
        self._inside: dict[str, list[_Event]] = {}
        self._behind: dict[str, list[tuple[int, int, bool]]] = {}
        # Of steps and of blocks, by their pointers.
        self._begins: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._at = 0
        self._walk(subject.definition.steps, pointer("steps"))

    def is_read_behind(self, loop: str, blocks: Sequence[Around], path: str) -> bool:
        """Whether something may read what the loop at the pointer `loop` leaves at `path`.

        `blocks` are those around the loop, the outermost first. What is overwritten before it is
        read, if only in some case, counts as not read.
        """
        if loop not in self._behind:
            self._behind[loop] = list(self._stretches(loop, blocks))
        for begin, end, in_next_turn in self._behind[loop]:
            first = self._first(path, begin, end)
            if first is not None and not first.written:
                return True
            if first is not None and not in_next_turn:
                return False
        return False

    def _stretches(self, loop: str, blocks: Sequence[Around]) -> Iterator[tuple[int, int, bool]]:
        """(begin, end, whether in the next turn of a loop around) of what comes after `loop`."""
        end = self._ends[loop]
        for around in reversed(blocks):
            block = around.here + pointer(*around.block.place)
            if _shares_variables(around.step):
                yield end, self._ends[block], False
                # A while asks its condition again, a forEach does not ask for its items.
                top = around.here if isinstance(around.step, WhileStep) else block
                yield self._begins[top], self._begins[loop], True
                end = self._ends[block]
            elif isinstance(around.step, IfStep | SwitchStep | ParallelStep):
                # The blocks behind it do not come after it.
                yield end, self._ends[block], False
                end = self._ends[around.here]
        yield end, self._at, False

    def _first(self, path: str, begin: int, end: int) -> _Event | None:
        """The first event from `begin` on and before `end` that reads `path` or replaces it."""
        lists = [self._events.get(place, ()) for place in (path, *above(path))]
        lists.append(self._inside.get(path, ()))
        found: _Event | None = None
        for events in lists:
            index = bisect_left(events, begin, key=_at)
            if index < len(events) and events[index].at < end:
                found, end = events[index], events[index].at
        return found

    def _walk(self, steps: Sequence[Step], parent: str) -> None:
        for index, step in enumerate(steps):
            here = parent + pointer(index)
            blocks = step.blocks()
            writes = {here + where: path for where, path in written_paths(step)}
            self._begins[here] = self._at
            if blocks:
                self._composite(blocks, here)
                self._ends[here] = self._at
                self._write(writes.values())
            else:
                self._simple(here, writes)
                self._ends[here] = self._at

    def _simple(self, here: str, writes: Mapping[str, str]) -> None:
        """Each assignment sees the former ones; what is saved is written at the end."""
        expressions = grouped(self._expressions.get(here, ()), writes)
        self._read(expressions.get(None, ()))
        for where, path in writes.items():
            self._read(expressions.get(where, ()))
            self._write([path])

    def _composite(self, blocks: Sequence[Block], here: str) -> None:
        # The outputs of branches and items are asked in their scopes, at their ends.
        places = [here + pointer(*block.place) for block in blocks]
        outputs = [here + pointer(*block.place[:-1], "output") for block in blocks]
        expressions = grouped(self._expressions.get(here, ()), frozenset(outputs))
        self._read(expressions.get(None, ()))
        for block, place, output in zip(blocks, places, outputs, strict=True):
            self._begins[place] = self._at
            self._walk(block.steps, place)
            self._read(expressions.get(output, ()))
            self._ends[place] = self._at

    def _read(self, expressions: Iterable[ReadExpression]) -> None:
        for expression in expressions:
            for read in expression.reads.reads if expression.reads is not None else ():
                # Whoever reads all of `vars` does not mean this one.
                if read.path[0] == "vars" and len(read.path) > 1:
                    self._note(".".join(read.path[: MAX_NAMES + 2]), written=False)

    def _write(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._note(path, written=True)

    def _note(self, path: str, *, written: bool) -> None:
        if name_of(path) not in self._names:
            return
        event = _Event(self._at, written)
        self._at += 1
        self._events.setdefault(path, []).append(event)
        if not written:
            for place in above(path):
                self._inside.setdefault(place, []).append(event)


def name_of(path: str) -> str:
    """The name of the variable that `path` is in."""
    return path.split(".", 2)[1]


def _at(event: _Event) -> int:
    return event.at


def _shares_variables(step: Step) -> bool:
    """Whether it is a loop whose next turn sees what this one wrote."""
    return isinstance(step, ForEachStep | WhileStep) and not has_lanes(step)

"""What the facts of a run add up to: rows of steps and waits, and which blocks were reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alga_workflows_core.definition.document import Definition, walk
from alga_workflows_core.interpreter.facts import (
    Fact,
    StepFinished,
    StepStarted,
    WaitClosed,
    WaitOpened,
)
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer


@dataclass(slots=True, kw_only=True)
class StepRow:
    """One execution of a step. `status` is RUNNING while it has not ended."""

    path: str
    step_id: str
    type: str
    position: int
    started_at: datetime
    ended_at: datetime | None = None
    status: str = "RUNNING"
    output: Json = None
    error: JsonObject | None = None


@dataclass(slots=True, kw_only=True)
class WaitRow:
    """One wait. `status` is WAITING while it is open."""

    key: str
    path: str
    kind: str
    due: datetime | None
    opened_at: datetime
    closed_at: datetime | None = None
    status: str = "WAITING"


def step_rows(facts: Iterable[Fact]) -> list[StepRow]:
    """Rows in the order in which the steps began."""
    rows: dict[int, StepRow] = {}
    for fact in facts:
        if isinstance(fact, StepStarted):
            rows[fact.seq] = StepRow(
                path=fact.path,
                step_id=fact.step_id,
                type=fact.type,
                position=fact.seq,
                started_at=fact.at,
            )
        elif isinstance(fact, StepFinished):
            row = rows[fact.position]
            row.status, row.ended_at = fact.status.value, fact.at
            row.output, row.error = fact.output, fact.error
    return list(rows.values())


def wait_rows(facts: Iterable[Fact]) -> list[WaitRow]:
    """Rows in the order in which the waits were opened."""
    rows: dict[str, WaitRow] = {}
    for fact in facts:
        if isinstance(fact, WaitOpened):
            rows[fact.key] = WaitRow(
                key=fact.key, path=fact.path, kind=fact.wait, due=fact.due, opened_at=fact.at
            )
        elif isinstance(fact, WaitClosed):
            rows[fact.key].status, rows[fact.key].closed_at = fact.outcome, fact.at
    return list(rows.values())


def not_reached(definition: Definition, facts: Iterable[Fact]) -> Sequence[str]:
    """The ids of the steps that never began, in document order."""
    begun = {fact.step_id for fact in facts if isinstance(fact, StepStarted)}
    return [step.id for _, step in walk(definition.steps) if step.id not in begun]


def not_entered(definition: Definition, facts: Iterable[Fact]) -> Sequence[str]:
    """The blocks none of whose steps ever began, as JSON Pointers in document order."""
    begun = {fact.step_id for fact in facts if isinstance(fact, StepStarted)}
    return [
        here + pointer(*block.place)
        for here, step in walk(definition.steps)
        for block in step.blocks()
        if begun.isdisjoint(inner.id for inner in block.steps)
    ]

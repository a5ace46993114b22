"""Where the rows of a run do not say what its histories tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from alga_workflows_core.runs.expected_rows import ExpectedRows, ExpectedWait
from alga_workflows_core.storage.columns import storable
from alga_workflows_core.storage.open_runs import LAST_SEQ
from alga_workflows_core.storage.runs import RunChange, RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.waits import NewWait, WaitRow
from alga_workflows_core.types.states import WaitStatus

RUNS, STEPS, WAITS = "workflow_runs", "workflow_run_steps", "workflow_run_waits"
ROW = "(row)"
"""Stands for a column where a whole row is missing, or is there and should not be."""

_LAUNCH = "stamped by the launch; the run is not told"
_STARTER = "the starter's, with the database's clock"
_RECONCILER = "the reconciler's, with the database's clock"
_DECIDES = "decided by the row itself: the history only has what reached the run"

LEFT_OUT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        RUNS: {
            "request_hash": _LAUNCH,
            "created_at": "the database's clock at the launch",
            "updated_at": "the database's clock",
            "temporal_namespace": _STARTER,
            "start_attempts": _STARTER,
            "start_due_at": _STARTER,
            "stop_request": "what somebody asked for before the run began",
            "reconcile_due_at": _RECONCILER,
            "reconcile_looks": _RECONCILER,
        },
        STEPS: {},
        WAITS: {
            "resolution": _DECIDES,
            "resolved_by": _DECIDES,
            "event_id": _DECIDES,
            "closed_at": "the clock of whoever ended it, the database's in most cases",
        },
    }
)
"""The columns that are not compared, each with the reason. What has none is compared."""

KEYS: Mapping[str, Sequence[str]] = MappingProxyType(
    {RUNS: ("tenant", "id"), STEPS: ("tenant", "run_id", "path"), WAITS: ("tenant", "id", "run_id")}
)

_RUN = tuple(each.name for each in fields(RunChange) if each.name != "id")
_STEP = tuple(each.name for each in fields(StepRow) if each.name != "path")
_WAIT = tuple(each.name for each in fields(NewWait) if each.name not in ("id", "run_id"))
COMPARED: Mapping[str, Sequence[str]] = MappingProxyType(
    {RUNS: _RUN, STEPS: _STEP, WAITS: (*_WAIT, "status")}
)

# What the last word of a run leaves as it was, or says by another clock or in other words.
_OF_THE_LAST_WORD = ("status", "result", "payload", "definition_id", "version", "epoch")
_PROSE = ("name", "label")
_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A column of a row and what it should be, both as text for people. `key`: which row, by the
    run's id, the step's path or the wait's key."""

    table: str
    key: str
    column: str
    row: str
    history: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRows:
    """The rows that a run has."""

    run: RunRow | None
    steps: Sequence[StepRow]
    waits: Sequence[WaitRow]


def differences(rows: RunRows, expected: ExpectedRows) -> list[Difference]:
    """What differs, in the order of tables; [] if all is as it should be.

    Rows of an open run may be ahead of its histories: what is newer is not compared.
    """
    if expected.run is None:
        return []
    return [
        *_of_run(rows.run, expected.run, expected),
        *_of_steps({step.path: step for step in rows.steps}, expected),
        *_of_waits({wait.id: wait for wait in rows.waits}, expected),
    ]


def _of_run(row: RunRow | None, wanted: RunChange, expected: ExpectedRows) -> Iterator[Difference]:
    key = str(wanted.id)
    if row is None:
        yield _missing(RUNS, key, wanted.status)
    elif (row.epoch, row.seq) <= (wanted.epoch, wanted.seq):
        yield from _columns(RUNS, key, row, wanted, _RUN)
    elif row.seq == LAST_SEQ:
        # Also of an open run: somebody has closed its row by mistake.
        yield from _columns(RUNS, key, row, wanted, _OF_THE_LAST_WORD)
    elif not expected.is_open:
        yield from _columns(RUNS, key, row, wanted, _RUN)


def _of_steps(rows: Mapping[str, StepRow], expected: ExpectedRows) -> Iterator[Difference]:
    for path, wanted in expected.steps.items():
        row = rows.get(path)
        if row is None:
            yield _missing(STEPS, path, wanted.status)
        elif (row.epoch, row.seq) <= (wanted.epoch, wanted.seq):
            # When a step that was under way was closed with its run is the database's to say.
            stamped = ("finished_at",) if row.seq == wanted.seq == LAST_SEQ else ()
            yield from _columns(STEPS, path, row, wanted, [c for c in _STEP if c not in stamped])
        elif not expected.is_open and row.seq != LAST_SEQ:
            yield from _columns(STEPS, path, row, wanted, _STEP)
    for path, row in rows.items():
        if path not in expected.steps and not _may_be_unknown(row, expected):
            yield _unknown(STEPS, path, row.status)


def _may_be_unknown(row: StepRow, expected: ExpectedRows) -> bool:
    """Whether a step may be there that the histories do not tell of: it is of an earlier epoch,
    whose histories are others, or has only just begun."""
    return row.epoch < _epoch(expected) or (expected.is_open and row.seq > _known(expected))


def _epoch(expected: ExpectedRows) -> int:
    return 0 if expected.run is None else expected.run.epoch


def _known(expected: ExpectedRows) -> int:
    return 0 if expected.run is None else expected.run.seq


def _of_waits(rows: Mapping[UUID, WaitRow], expected: ExpectedRows) -> Iterator[Difference]:
    for wait_id, wanted in expected.waits.items():
        row = rows.get(wait_id)
        key = wanted.new.key
        if row is None:
            yield _missing(WAITS, key, status_of(wanted, expected) or WaitStatus.WAITING)
            continue
        yield from _columns(WAITS, key, row, wanted.new, _WAIT)
        status = status_of(wanted, expected)
        # An open one that is to be ended may have been, by whoever came first.
        may_have_ended = wanted.closed is None and row.status is not WaitStatus.WAITING
        if status is not None and row.status is not status and not may_have_ended:
            yield Difference(table=WAITS, key=key, column="status", row=row.status, history=status)
    for wait_id, row in rows.items():
        is_known = wait_id in expected.waits or row.epoch < _epoch(expected)
        if not is_known and not expected.is_open:
            yield _unknown(WAITS, row.key, row.status)


def status_of(wanted: ExpectedWait, expected: ExpectedRows) -> WaitStatus | None:
    """How a wait has ended; None if the run waits still."""
    if wanted.closed is not None:
        return wanted.closed[0]
    return None if expected.is_open else WaitStatus.CANCELED


def _columns(
    table: str, key: str, row: Any, wanted: Any, columns: Sequence[str]
) -> Iterator[Difference]:
    for column in columns:
        is_so = _text(column, getattr(row, column))
        should_be = _text(column, getattr(wanted, column))
        if is_so != should_be:
            yield Difference(table=table, key=key, column=column, row=is_so, history=should_be)


def _missing(table: str, key: str, status: str) -> Difference:
    return Difference(table=table, key=key, column=ROW, row="-", history=status)


def _unknown(table: str, key: str, status: str) -> Difference:
    return Difference(table=table, key=key, column=ROW, row=status, history="-")


def _text(column: str, value: Any) -> str:
    """The same for the same value, whichever way it came."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and column in _PROSE:
        value = storable(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def shortened(text: str) -> str:
    """The beginning of a value, for a table."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

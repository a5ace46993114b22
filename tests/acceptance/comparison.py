"""What of a run is compared with its simulation.

Status, result, error, variables and end; each step with its status, times, output and error; each
wait with its due time and how it ended; each call that reached an action. Times are virtual ones
and have to be equal. What begins at one moment in different branches begins in any order: the order
of steps is that of their times, and the order within each list of steps is compared besides.
How many bytes a run has is not: the pinned contracts of its actions count, of which the simulation
has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from alga_workflows_core.simulation.simulate import Simulation
from alga_workflows_core.simulation.trace import step_rows, wait_rows
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import FINAL_RUN_STATES
from tests.acceptance.scripted_run import Called

Seen: TypeAlias = dict[str, Any]
UNANSWERED = "unanswered"
"""Instead of all else, of a run about which nobody answered in time."""

BYTES = re.compile(r"\d+ bytes")
LISTS = ("steps", "waits", "calls")


def simulated(simulation: Simulation) -> Seen:
    """What a simulation says."""
    steps = step_rows(simulation.facts)
    ended = simulation.status in FINAL_RUN_STATES
    return {
        "status": simulation.status.value,
        "result": simulation.result,
        "error": None if simulation.error is None else _plain(simulation.error.as_json()),
        "variables": simulation.variables,
        "at": simulation.ended_at.isoformat() if ended else None,
        "steps": sorted(
            (
                step.started_at.isoformat(),
                step.path,
                step.status,
                None if step.ended_at is None else step.ended_at.isoformat(),
                step.output,
                _plain(step.error),
            )
            for step in steps
        ),
        "order": _order(step.path for step in steps),
        "waits": sorted(
            (wait.key, wait.kind, wait.status, None if wait.due is None else wait.due.isoformat())
            for wait in wait_rows(simulation.facts)
        ),
        "calls": sorted((call.step, call.action_id, call.attempt) for call in simulation.calls),
    }


def real_run(
    row: RunRow,
    steps: Sequence[StepRow],
    waits: Sequence[WaitRow],
    calls: Sequence[Called],
    variables: JsonObject,
) -> Seen:
    """What the rows of a run say, and the world around it."""
    return {
        "status": row.status.value,
        "result": row.result,
        "error": _plain(row.error),
        "variables": variables,
        "at": None if row.closed_at is None else row.closed_at.isoformat(),
        "steps": sorted(
            (
                step.started_at.isoformat(),
                step.path,
                step.status.value,
                None if step.finished_at is None else step.finished_at.isoformat(),
                step.output,
                _plain(step.error),
            )
            for step in steps
        ),
        "order": _order(step.path for step in steps),
        "waits": sorted(
            (
                wait.key,
                wait.kind,
                wait.status.value,
                None if wait.due_at is None else wait.due_at.isoformat(),
            )
            for wait in waits
        ),
        "calls": sorted((call.step, call.action, call.attempt) for call in calls),
    }


def _plain(error: JsonObject | None) -> JsonObject | None:
    """An error without its numbers of bytes."""
    if error is None:
        return None
    cause = {"cause": _plain(error["cause"])} if error.get("cause") else {}
    return error | cause | {"message": BYTES.sub("… bytes", error["message"])}


def _order(paths: Iterable[str]) -> dict[str, list[str]]:
    """The steps of each list of steps, in the order in which they began."""
    found: dict[str, list[str]] = {}
    for path in paths:
        parent, _, step = path.rpartition("/")
        found.setdefault(parent, []).append(step)
    return found


def differences(real: Seen, expected: Seen) -> list[str]:
    """What differs, for people."""
    if UNANSWERED in real:
        return [real[UNANSWERED]]
    told: list[str] = []
    for name, wanted in expected.items():
        got = real[name]
        if got == wanted:
            continue
        if name in LISTS:
            told += [f"{name}: only simulated: {each}" for each in wanted if each not in got]
            told += [f"{name}: only real: {each}" for each in got if each not in wanted]
        else:
            told.append(f"{name}: simulated {wanted}, real {got}")
    return told

"""The states of runs, steps, tasks, definitions and events, and which may follow which.

These tables are enforced twice: services ask `may_become` before they write, and a trigger on each
table refuses an illegal change (migration 0001; a test holds the two against each other). A change
with a higher epoch (a retry of the run) may leave a final state; nothing else may.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar


class RunStatus(StrEnum):
    """Where a run stands. The last four are final."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    PAUSED = "PAUSED"
    PARKED = "PARKED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    TIMED_OUT = "TIMED_OUT"


class StepStatus(StrEnum):
    """Where one execution of a step stands. The last three are final."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class WaitStatus(StrEnum):
    """Where a wait stands. It leaves WAITING once."""

    WAITING = "WAITING"
    RESOLVED = "RESOLVED"
    TIMED_OUT = "TIMED_OUT"
    CANCELED = "CANCELED"


class DeliveryState(StrEnum):
    """Where a delivery stands: of what ended a wait, or of an event that starts a run.

    HELD: the definition is paused. GONE: the run has ended, or the definition starts no runs any
    more. REJECTED: there were too many runs of the definition. DEAD: it failed for good, or too
    often. An operator may make the last two PENDING again.
    """

    PENDING = "PENDING"
    HELD = "HELD"
    DELIVERED = "DELIVERED"
    GONE = "GONE"
    REJECTED = "REJECTED"
    DEAD = "DEAD"


class TaskState(StrEnum):
    """Where a task for people stands. The last three are final.

    CLAIMED: one of those who are asked has taken it. COMPLETED: it was answered. EXPIRED: its run
    has waited long enough. CANCELED: nobody is to answer it any more.
    """

    OPEN = "OPEN"
    CLAIMED = "CLAIMED"
    COMPLETED = "COMPLETED"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


class DefinitionState(StrEnum):
    """Whether a definition may start runs. Only ACTIVE ones do."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"


class EventState(StrEnum):
    """STAGED: written together with what it tells of. ACCEPTED: matched with waits and triggers.
    REFUSED: its type does not allow it; an operator may stage it again."""

    STAGED = "STAGED"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


class SlotState(StrEnum):
    """Where a run stands that needs a slot. WAITING: it begins when it gets one. LATER: it waits
    for another one first."""

    LATER = "LATER"
    WAITING = "WAITING"
    HELD = "HELD"


class ScheduleState(StrEnum):
    """Whether a schedule fires. Only PAUSED and ENDED ones do not.

    BROKEN: its occurrences come to nothing as it stands; it is ACTIVE again when that is mended.
    ENDED: there are no more occurrences.
    """

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    BROKEN = "BROKEN"
    ENDED = "ENDED"


S = TypeVar("S", bound=StrEnum)

FINAL_RUN_STATES = frozenset(
    {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELED, RunStatus.TIMED_OUT}
)
_LIVE_RUN_STATES = frozenset(
    {RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED, RunStatus.PARKED}
)


def _run_transitions() -> dict[RunStatus, frozenset[RunStatus]]:
    table: dict[RunStatus, frozenset[RunStatus]] = {
        RunStatus.QUEUED: frozenset({RunStatus.STARTING, RunStatus.FAILED, RunStatus.CANCELED}),
        # STARTING may go back: a claim whose start was refused for good is queued or failed again.
        RunStatus.STARTING: _LIVE_RUN_STATES | FINAL_RUN_STATES | {RunStatus.QUEUED},
    }
    for state in _LIVE_RUN_STATES:
        table[state] = (_LIVE_RUN_STATES | FINAL_RUN_STATES) - {state}
    for state in FINAL_RUN_STATES:
        table[state] = frozenset()
    return table


RUN_TRANSITIONS: Mapping[RunStatus, frozenset[RunStatus]] = MappingProxyType(_run_transitions())

STEP_TRANSITIONS: Mapping[StepStatus, frozenset[StepStatus]] = MappingProxyType(
    {
        StepStatus.RUNNING: frozenset(
            {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.CANCELED}
        ),
        StepStatus.SUCCEEDED: frozenset(),
        StepStatus.FAILED: frozenset(),
        StepStatus.CANCELED: frozenset(),
    }
)

WAIT_TRANSITIONS: Mapping[WaitStatus, frozenset[WaitStatus]] = MappingProxyType(
    {
        WaitStatus.WAITING: frozenset(
            {WaitStatus.RESOLVED, WaitStatus.TIMED_OUT, WaitStatus.CANCELED}
        ),
        WaitStatus.RESOLVED: frozenset(),
        WaitStatus.TIMED_OUT: frozenset(),
        WaitStatus.CANCELED: frozenset(),
    }
)

FINAL_TASK_STATES = frozenset({TaskState.COMPLETED, TaskState.EXPIRED, TaskState.CANCELED})

TASK_TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = MappingProxyType(
    {
        TaskState.OPEN: frozenset({TaskState.CLAIMED}) | FINAL_TASK_STATES,
        TaskState.CLAIMED: frozenset({TaskState.OPEN}) | FINAL_TASK_STATES,
        TaskState.COMPLETED: frozenset(),
        TaskState.EXPIRED: frozenset(),
        TaskState.CANCELED: frozenset(),
    }
)

DELIVERY_TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = MappingProxyType(
    {
        DeliveryState.PENDING: frozenset(
            {
                DeliveryState.HELD,
                DeliveryState.DELIVERED,
                DeliveryState.GONE,
                DeliveryState.REJECTED,
                DeliveryState.DEAD,
            }
        ),
        DeliveryState.HELD: frozenset({DeliveryState.PENDING, DeliveryState.GONE}),
        DeliveryState.REJECTED: frozenset({DeliveryState.PENDING}),
        DeliveryState.DELIVERED: frozenset(),
        DeliveryState.GONE: frozenset(),
        DeliveryState.DEAD: frozenset({DeliveryState.PENDING}),
    }
)

DEFINITION_TRANSITIONS: Mapping[DefinitionState, frozenset[DefinitionState]] = MappingProxyType(
    {
        DefinitionState.DRAFT: frozenset({DefinitionState.ACTIVE, DefinitionState.ARCHIVED}),
        DefinitionState.ACTIVE: frozenset({DefinitionState.PAUSED, DefinitionState.ARCHIVED}),
        DefinitionState.PAUSED: frozenset({DefinitionState.ACTIVE, DefinitionState.ARCHIVED}),
        DefinitionState.ARCHIVED: frozenset({DefinitionState.ACTIVE}),
    }
)

EVENT_TRANSITIONS: Mapping[EventState, frozenset[EventState]] = MappingProxyType(
    {
        EventState.STAGED: frozenset({EventState.ACCEPTED, EventState.REFUSED}),
        EventState.REFUSED: frozenset({EventState.STAGED}),
        EventState.ACCEPTED: frozenset(),
    }
)


SLOT_TRANSITIONS: Mapping[SlotState, frozenset[SlotState]] = MappingProxyType(
    {
        SlotState.LATER: frozenset({SlotState.WAITING, SlotState.HELD}),
        SlotState.WAITING: frozenset({SlotState.HELD}),
        SlotState.HELD: frozenset(),
    }
)

SCHEDULE_TRANSITIONS: Mapping[ScheduleState, frozenset[ScheduleState]] = MappingProxyType(
    {
        ScheduleState.ACTIVE: frozenset(
            {ScheduleState.PAUSED, ScheduleState.BROKEN, ScheduleState.ENDED}
        ),
        ScheduleState.PAUSED: frozenset({ScheduleState.ACTIVE}),
        ScheduleState.BROKEN: frozenset(
            {ScheduleState.ACTIVE, ScheduleState.PAUSED, ScheduleState.ENDED}
        ),
        ScheduleState.ENDED: frozenset({ScheduleState.ACTIVE}),
    }
)


def may_become(table: Mapping[S, frozenset[S]], old: S, new: S) -> bool:
    """Whether `new` may follow `old`; staying in a state is always allowed."""
    return old == new or new in table[old]

"""Tasks for people: can somebody answer, enough of them, and in time?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

from alga_workflows_core.calendars.durations import Duration, parse_duration
from alga_workflows_core.definition.steps.human_task import TaskConfig, TaskStep
from alga_workflows_core.definition.values import is_expression
from alga_workflows_core.types.json import Json
from alga_workflows_core.validation.checks.deadlines import endless
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Tasks that nobody, or too few, can answer, that may never end, or end too early."""
    for visit in endless(subject):
        if isinstance(visit.step, TaskStep):
            yield warning(
                Code.TASK_WITHOUT_TIMEOUT,
                visit.here + "/config",
                f"Step {visit.step.id!r} waits for ever if nobody answers.",
                "Give it a 'timeout', or give the definition one.",
            )
    for visit in subject.visits:
        if isinstance(visit.step, TaskStep):
            here = visit.here + "/config"
            yield from _people(visit.step.id, visit.step.config, here)
            yield from _times(visit.step.id, visit.step.config, here)


def _people(name: str, config: TaskConfig, here: str) -> Iterator[Finding]:
    if config.candidate_groups is not None:
        return
    if config.assignees is None:
        yield warning(
            Code.TASK_WITHOUT_PEOPLE,
            here,
            f"Step {name!r} names nobody, so everybody may answer it.",
            "Name 'assignees' or 'candidateGroups'.",
        )
        return
    people = _literal_names(config.assignees)
    if people is None or config.quorum is None or config.escalate_to is not None:
        return
    if config.quorum > len(people):
        only = "person is" if len(people) == 1 else "people are"
        yield error(
            Code.QUORUM_TOO_HIGH,
            here + "/quorum",
            f"Step {name!r} needs {config.quorum} answers, but {len(people)} {only} asked.",
            "Lower the quorum, or ask more people.",
        )


def _literal_names(names: Json) -> set[str] | None:
    """The names, each once; None if an expression has a say in them."""
    if is_expression(names):
        return None
    entries = cast("list[Json]", names)
    if any(is_expression(entry) for entry in entries):
        return None
    return set(cast("list[str]", entries))


def _times(name: str, config: TaskConfig, here: str) -> Iterator[Finding]:
    timeout = _literal_duration(config.timeout)
    if config.timeout_ms is not None:
        timeout = Duration(exact=timedelta(milliseconds=config.timeout_ms))
    if timeout is None:
        return
    for field, value, what in (
        ("dueIn", config.due_in, "is due"),
        ("remindEvery", config.remind_every, "reminds people"),
    ):
        duration = _literal_duration(value)
        if duration is not None and _is_longer(duration, timeout):
            yield warning(
                Code.TIMEOUT_EXCEEDED,
                f"{here}/{field}",
                f"Step {name!r} has ended before it {what}: its timeout is shorter.",
                f"Give it a longer timeout, or a shorter {field!r}.",
            )


def _literal_duration(value: Json) -> Duration | None:
    return parse_duration(value) if isinstance(value, str) else None


def _is_longer(one: Duration, other: Duration) -> bool:
    """Whether `one` is longer than `other`, whenever both begin."""
    months = one.months - other.months
    days = one.days - other.days + months * (28 if months > 0 else 31)
    # In a calendar's days an hour may be missing, once the clocks have changed.
    change = timedelta(hours=1 if months or one.days != other.days else 0)
    return timedelta(days=days) + one.exact - other.exact - change > timedelta()

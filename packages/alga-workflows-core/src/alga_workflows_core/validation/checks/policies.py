"""Policies: do retries, catches and time limits do what they seem to?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from alga_workflows_core.calendars.durations import Duration, parse_duration
from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.definition.steps.human_task import TaskStep
from alga_workflows_core.definition.steps.time_wait import TimeWaitStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.findings import Code, Finding, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Visit

NOT_CATCHABLE = frozenset({"Cancelled", "EXPRESSION_TIMEOUT", "RUN_TIMEOUT"})
"""Errors that end the run whatever is around them."""

_LIMITS = ("timeout", "timeout_ms", "due_in", "remind_every")


def check(subject: Subject) -> Iterator[Finding]:
    """Names that are never caught, settings of retries and limits of time that have no effect."""
    longest = _longest(subject.definition)
    for visit in subject.visits:
        step, here = visit.step, visit.here
        if isinstance(step, TryCatchStep):
            yield from _check_names(step, here + "/catchOn", step.catch_on or ())
        retry = step.retry if isinstance(step, ActionStep | CallWorkflowStep) else None
        if retry is not None:
            yield from _check_names(step, here + "/retry/retryOn", retry.retry_on or ())
            yield from _check_retry(step, retry, here + "/retry")
        if longest is not None and not _cleans_up(visit):
            yield from _check_limits(visit, retry, longest)


def _check_names(step: Step, here: str, names: Sequence[str]) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name in NOT_CATCHABLE:
            yield warning(
                Code.ERROR_NOT_CATCHABLE,
                here + pointer(index),
                f"{name} never comes to {step.id!r}: it ends the run.",
                "Remove it; what has to happen in any case belongs into a 'finally'.",
            )


def _check_retry(step: Step, retry: RetryPolicy, here: str) -> Iterator[Finding]:
    given = retry.model_fields_set - {"max_attempts", "backoff_ms"}
    if retry.max_attempts == 1:
        if given:
            yield _ineffective(here, "maxAttempts", f"{step.id!r} is never tried a second time")
        return
    first = retry.backoff_ms
    if retry.max_delay_ms is not None and retry.max_delay_ms < first:
        first = retry.max_delay_ms
        yield _ineffective(here, "maxDelayMs", f"{step.id!r} never waits as long as 'backoffMs'")
    first_delay = timedelta(milliseconds=first)
    if "backoff_multiplier" in given and (retry.max_attempts == 2 or first == 0):
        yield _ineffective(here, "backoffMultiplier", f"no delay of {step.id!r} is multiplied")
    if retry.max_elapsed is not None and _longest_of(retry.max_elapsed) < first_delay:
        yield _ineffective(here, "maxElapsed", f"{step.id!r} has no time for a second attempt")


def _ineffective(here: str, field: str, reason: str) -> Finding:
    return warning(
        Code.RETRY_INEFFECTIVE,
        here + pointer(field),
        f"With this {field!r} {reason}.",
        "Remove what has no effect, or correct the figures.",
    )


def _cleans_up(visit: Visit) -> bool:
    """Whether the run's timeout does not stop it, as it may be what the step cleans up after."""
    return any(around.block.place == ("finally",) for around in visit.around)


def _check_limits(
    visit: Visit, retry: RetryPolicy | None, longest: tuple[str, timedelta]
) -> Iterator[Finding]:
    for part, where, fields in _limits_of(visit.step, retry):
        for field in fields:
            value: object = getattr(part, field)
            if isinstance(value, str | int) and _least(value) > longest[1]:
                alias = type(part).model_fields[field].alias or field
                yield warning(
                    Code.TIMEOUT_EXCEEDED,
                    visit.here + where + pointer(alias),
                    f"The {alias!r} of {visit.step.id!r} never passes: "
                    f"a run ends after {longest[0]} at the latest.",
                    "Shorten it, or give the definition a longer 'timeout'.",
                )


def _limits_of(step: Step, retry: RetryPolicy | None) -> Iterator[tuple[Part, str, Sequence[str]]]:
    """(Part, where it stands in the step, its fields that hold durations of the run)."""
    match step:
        case TimeWaitStep(config=config):
            yield config, "/config", _fields(config, "duration", "duration_ms")
        case ActionStep(config=config) | EventWaitStep(config=config) | TaskStep(config=config):
            yield config, "/config", _fields(config, *_LIMITS)
        case _:
            pass
    if retry is not None:
        yield retry, "/retry", ("max_elapsed",)


def _fields(part: Part, *fields: str) -> list[str]:
    """Those that were written in the document, in the order of `fields`."""
    return [field for field in fields if field in part.model_fields_set]


def _longest(definition: Definition) -> tuple[str, timedelta] | None:
    """How long a run may last: as it was written, and a time that is not shorter."""
    if definition.timeout_ms is not None:
        return f"{definition.timeout_ms} ms", timedelta(milliseconds=definition.timeout_ms)
    if definition.timeout is None:
        return None
    return definition.timeout, _longest_of(definition.timeout)


def _longest_of(text: str) -> timedelta:
    """A time that is not shorter than the duration `text`, whenever it begins."""
    duration = parse_duration(text)
    return duration.at_most + _clock_changes(duration)


def _least(value: str | int) -> timedelta:
    """A time that is not longer than the duration `value` (or milliseconds), whenever it begins."""
    if isinstance(value, int):
        return timedelta(milliseconds=value)
    duration = parse_duration(value)
    years, months = divmod(duration.months, 12)
    days = years * 365 + months * 28 + duration.days
    return timedelta(days=days) + duration.exact - _clock_changes(duration)


def _clock_changes(duration: Duration) -> timedelta:
    """By how much clocks that are put forward or back may change it."""
    return timedelta(hours=1 if duration.months or duration.days else 0)

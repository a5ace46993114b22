"""Waits for events and for times: do they end, and does one take away another one's events?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alga_workflows_core.definition.events import EventMatch
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.definition.steps.time_wait import TimeWaitStep, WaitBusinessTime
from alga_workflows_core.interpreter.working_time import OWN_CALENDAR
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.checks.deadlines import endless
from alga_workflows_core.validation.checks.sequence import comes_after
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Visit

_LOOKED_BACK = 50
"""So many waits for the same events are compared with each, so that no document takes long."""


def check(subject: Subject) -> Iterator[Finding]:
    """Waits that may never end, calendars that are not there, filters that use up events."""
    for visit in endless(subject):
        if isinstance(visit.step, EventWaitStep):
            yield warning(
                Code.WAIT_WITHOUT_TIMEOUT,
                visit.here + "/config",
                f"Step {visit.step.id!r} waits for ever if its event never comes.",
                "Give it a 'timeout', or give the definition one.",
            )
    yield from _calendars(subject)
    yield from _differing_filters(subject)


def _calendars(subject: Subject) -> Iterator[Finding]:
    known = subject.catalogue.calendars
    if known is None:
        return
    for visit in subject.visits:
        config = visit.step.config if isinstance(visit.step, TimeWaitStep) else None
        if not isinstance(config, WaitBusinessTime):
            continue
        if config.calendar is None and OWN_CALENDAR not in known:
            yield error(
                Code.CALENDAR_UNKNOWN,
                visit.here + "/config",
                "The tenant has no calendar of its own.",
                f"Name one in 'calendar', or make one that is named {quoted(OWN_CALENDAR)}.",
            )
        elif config.calendar not in (None, *known):
            yield error(
                Code.CALENDAR_UNKNOWN,
                visit.here + "/config/calendar",
                f"There is no calendar {quoted(str(config.calendar))}.",
                did_you_mean(str(config.calendar), sorted(known))
                or ("Leave it out for the tenant's own." if OWN_CALENDAR in known else None),
            )


@dataclass(frozen=True, slots=True)
class _Looking:
    """A wait that looks for an event with these filters, each as canonical JSON."""

    visit: Visit
    match: EventMatch
    place: str
    filters: frozenset[bytes]


def _differing_filters(subject: Subject) -> Iterator[Finding]:
    """At most one finding for each event that a wait looks for."""
    for same in _alike(subject.visits):
        together: dict[str, list[frozenset[bytes]]] = {}
        for each in same:
            together.setdefault(each.visit.here, []).append(each.filters)
        for index, later in enumerate(same):
            for earlier in reversed(same[max(0, index - _LOOKED_BACK) : index]):
                if _uses_up(earlier, together[earlier.visit.here], later):
                    yield _differs(earlier, later)
                    break


def _alike(visited: Sequence[Visit]) -> list[list[_Looking]]:
    """Those that look for the same event with the same key, where there are several."""
    groups: dict[tuple[str, bytes], list[tuple[Visit, EventMatch, str]]] = {}
    for visit in visited:
        if isinstance(visit.step, EventWaitStep):
            for place, match in visit.step.config.matches():
                group = match.event_name, canonical(match.correlation_key)
                where = visit.here + pointer("config", *place)
                groups.setdefault(group, []).append((visit, match, where))
    return [
        [_Looking(visit, match, where, _filters(match)) for visit, match, where in group]
        for group in groups.values()
        if len(group) > 1
    ]


def _filters(match: EventMatch) -> frozenset[bytes]:
    return frozenset(
        canonical(each.model_dump(mode="json", by_alias=True, exclude_unset=True))
        for each in match.filters
    )


def _uses_up(earlier: _Looking, alternatives: Sequence[frozenset[bytes]], later: _Looking) -> bool:
    """Whether `earlier` may refuse an event that `later` would take.

    What it refuses does not meet all its filters, so it means nothing to one that has them all
    too; and what any of its alternatives takes, is not refused.
    """
    if earlier.visit is later.visit or any(each <= later.filters for each in alternatives):
        return False
    return comes_after(earlier.visit, later.visit)


def _differs(earlier: _Looking, later: _Looking) -> Finding:
    written = "filters" in later.match.model_fields_set
    return warning(
        Code.WAIT_FILTERS_DIFFER,
        later.place + ("/filters" if written else ""),
        f"Step {later.visit.step.id!r} waits for {quoted(later.match.event_name)} with other "
        f"filters than {earlier.visit.step.id!r}, whose refused events it never sees.",
        "Give both the same filters and decide on the event afterwards, or use other keys.",
    )

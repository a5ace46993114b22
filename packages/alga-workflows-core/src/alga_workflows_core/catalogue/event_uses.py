"""What a definition has to do with events, as the inbox has to know it."""

from __future__ import annotations

from datetime import UTC, datetime

from alga_workflows_core.calendars.durations import after, parse_duration
from alga_workflows_core.definition.document import Definition, walk
from alga_workflows_core.definition.events import EventMatch
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.storage.event_uses import EventUse

# Days and months have no length of their own; from here they are as long as any.
_FROM = datetime(2030, 7, 1, tzinfo=UTC)


def event_uses(definition: Definition) -> list[EventUse]:
    """Its trigger, and the events that it waits for, each name once with the longest look-back."""
    uses: list[EventUse] = []
    if definition.trigger is not None:
        detail = definition.trigger.model_dump(mode="json", by_alias=True, exclude_unset=True)
        uses.append(
            EventUse(event_name=definition.trigger.event_name, use="trigger", detail=detail)
        )
    lookbacks: dict[str, float | None] = {}
    for _, step in walk(definition.steps):
        if isinstance(step, EventWaitStep):
            for _, match in step.config.matches():
                seconds = _lookback(match)
                former = lookbacks.get(match.event_name, 0.0)
                lookbacks[match.event_name] = (
                    None if seconds is None or former is None else max(seconds, former)
                )
    return uses + [
        EventUse(event_name=name, use="wait", detail={"lookback": seconds})
        for name, seconds in sorted(lookbacks.items())
    ]


def _lookback(match: EventMatch) -> float | None:
    """Seconds; None where an expression decides it."""
    if match.lookback is None:
        return 0.0
    if not isinstance(match.lookback, str):
        return None
    return (after(parse_duration(match.lookback), _FROM, "UTC") - _FROM).total_seconds()

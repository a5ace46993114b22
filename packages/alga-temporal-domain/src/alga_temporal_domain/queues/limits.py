"""How many workflow tasks and activities of a queue may be under way in a process at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alga_temporal_domain.queues.chosen import KNOWN

MOST_SLOTS = 1000
FEWEST_WORKFLOW_SLOTS = 2
"""With one, a run that is cached could keep every other one from its first task."""

_ENTRY = re.compile(r"(?P<name>[a-z0-9-]+)=(?P<activities>\d{1,6})?/(?P<workflows>\d{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """None: as many as the queue's family says."""

    activities: int | None = None
    workflows: int | None = None


def parse_slots(text: str) -> dict[str, Slots]:
    """`alga-jobs=50/20,sla-workflows=/60`: activities and workflow tasks by queue, either may be
    left out. ValueError for anything else, unknown queues and numbers out of bounds."""
    found: dict[str, Slots] = {}
    for entry in (each.strip() for each in text.split(",") if each.strip()):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"{entry!r}: expected QUEUE=ACTIVITIES/WORKFLOWTASKS")
        name = match["name"]
        if name not in KNOWN:
            raise ValueError(f"no such queue: {name}; the queues are {', '.join(KNOWN)}")
        if name in found:
            raise ValueError(f"{name} is there twice")
        found[name] = Slots(
            activities=_bounded(name, "activities", match["activities"], 1),
            workflows=_bounded(name, "workflow tasks", match["workflows"], FEWEST_WORKFLOW_SLOTS),
        )
    return found


def _bounded(name: str, what: str, text: str | None, fewest: int) -> int | None:
    if text is None:
        return None
    number = int(text)
    if not fewest <= number <= MOST_SLOTS:
        raise ValueError(f"{name}: {what} have to be {fewest} to {MOST_SLOTS}, not {number}")
    return number

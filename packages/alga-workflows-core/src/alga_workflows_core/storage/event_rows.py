"""Events as values: what is told, and what rows say of them. Without SQL, which authors' tools do
not need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import EventState

# The root of the ids of rows: uuid5(NAMESPACE_DNS, "events.alga-workflows").
_ROOT = UUID("7761209b-a443-5f67-8b7f-eaea965e7030")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event in the terms of CloudEvents. `event_id` is unique within `source`;
    `correlation_key` is what waits find it by; `occurred_at` when it happened, if that is known.

    `published_by_run`: the run that told it. `for_run`: the only run whose waits may have it.
    """

    source: str
    event_id: str
    type: str
    data: Json
    subject: str | None = None
    correlation_key: str | None = None
    occurred_at: datetime | None = None
    published_by_run: UUID | None = None
    for_run: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHead:
    """An event of the inbox without its data. `position`: the order of acceptance; `refusal`, an
    `ErrorInfo` as JSON: why it was not accepted."""

    id: UUID
    source: str
    event_id: str
    type: str
    subject: str | None
    correlation_key: str | None
    state: EventState
    published_by_run: UUID | None
    for_run: UUID | None
    occurred_at: datetime | None
    received_at: datetime
    accepted_at: datetime | None
    position: int | None
    refusal: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow(EventHead):
    """An event of the inbox."""

    data: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events; of what is None any."""

    type: str | None = None
    state: EventState | None = None
    source: str | None = None
    correlation_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def event_row_id(tenant: str, source: str, event_id: str) -> UUID:
    """The id of the row of an event; the same event always has the same."""
    # A unit separator occurs in neither, so no two pairs run together.
    return uuid5(_ROOT, "\x1f".join((tenant, source, event_id)))

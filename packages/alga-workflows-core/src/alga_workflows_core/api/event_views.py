"""Events over HTTP: what is asked and answered.

`eventId` is the id of an event here, which addresses have; `id` is its own within its `source`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Literal
from uuid import UUID

from alga_workflows_core.definition.events import EventName
from alga_workflows_core.errors import AlgaError
from alga_workflows_core.events.explaining import Considered, FailedFilter, Outcome
from alga_workflows_core.infra.web.problems import status_of
from alga_workflows_core.storage.deliveries import DeliveryRow
from alga_workflows_core.storage.event_rows import EventHead, EventRow
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.states import DeliveryState, EventState


class TakenView(Model):
    """An event that was taken. `duplicate`: there was such an event already, which stays as it
    is."""

    event_id: UUID
    duplicate: bool


class TakenItemView(TakenView):
    """One of a batch."""

    status: Literal[202] = 202


class RefusedItemView(Model):
    """One of a batch that was not taken, with the members of a problem. `path` leads into the
    event, `faults` has all places."""

    status: int
    code: str
    detail: str
    path: str | None = None
    remedy: str | None = None
    faults: list[JsonObject]


class BatchView(Model):
    """An answer for each event of a batch, in their order."""

    items: list[TakenItemView | RefusedItemView]


class EventView(Model):
    """An event without its data. `refusal`: why its type refused it; `receivedAt`, `acceptedAt`:
    by the clock of the database; `time`: when it happened, as its source says."""

    event_id: UUID
    id: str
    source: str
    type: str
    subject: str | None
    correlation_key: str | None
    time: datetime | None
    state: EventState
    refusal: JsonObject | None
    published_by_run: UUID | None
    for_run: UUID | None
    received_at: datetime
    accepted_at: datetime | None


class EventDetailView(EventView):
    """An event."""

    data: Json


class DeliveryView(Model):
    """Something that is delivered: what ended a wait, an event that starts a run, a request to
    cancel.

    `runId`: the run that is told, or the one that a trigger's has or will have. `lastError` is what
    the last attempt met, `error` why it was given up.
    """

    delivery_id: UUID
    kind: str
    state: DeliveryState
    run_id: UUID
    wait_id: UUID | None
    event_id: UUID | None
    definition_id: str | None
    attempts: int
    next_at: datetime
    last_error: str | None
    error: JsonObject | None
    created_at: datetime
    closed_at: datetime | None


class FilterView(Model):
    """A filter that the event did not meet. `missing`: there was nothing at its path."""

    path: str
    op: str
    value: Json
    found: Json
    missing: bool


class ConsideredView(Model):
    """A wait or a trigger that was considered for an event, and what came of it.

    `keys`: those that a wait looks for, null for any.
    """

    outcome: Outcome
    message: str
    run_id: UUID | None
    wait_id: UUID | None
    step: str | None
    definition_id: str | None
    version: int | None
    keys: list[str | None]
    filter: FilterView | None
    delivery: DeliveryView | None


class ExplanationView(Model):
    """An event, and what was considered for it."""

    event: EventView
    considered: list[ConsideredView]


class Redeliver(Model):
    """Nothing has to be said."""


class RedeliverMany(Model):
    """Which are tried again; what is absent is any. `since`, `until`: when the delivery was made or
    the event received. `dryRun`: they are only counted."""

    type: EventName | None = None
    state: Literal["DEAD", "REJECTED", "REFUSED"] | None = None
    since: str | None = None
    until: str | None = None
    dry_run: bool = False


class RedeliveredView(Model):
    """How many deliveries are tried again, and how many refused events are to be accepted again.
    `more`: there are others, for another request."""

    deliveries: int
    events: int
    more: bool


def refused_item(error: AlgaError) -> RefusedItemView:
    """Why one of a batch was not taken."""
    return RefusedItemView(
        status=status_of(error).value,
        code=error.error_code,
        detail=error.message,
        path=error.path,
        remedy=error.remedy,
        faults=error.details.get("faults", []),
    )


def event_view(row: EventHead) -> EventView:
    """What people see of an event in a list."""
    same = set(EventView.model_fields) - {"event_id", "id", "time"}
    return EventView(
        event_id=row.id,
        id=row.event_id,
        time=row.occurred_at,
        **{name: getattr(row, name) for name in same},
    )


def event_detail_view(row: EventRow) -> EventDetailView:
    """The same with its data."""
    return EventDetailView(**event_view(row).model_dump(), data=row.data)


def delivery_view(row: DeliveryRow) -> DeliveryView:
    """What people see of a delivery."""
    same = set(DeliveryView.model_fields) - {"delivery_id"}
    return DeliveryView(delivery_id=row.id, **{name: getattr(row, name) for name in same})


def explanation_view(event: EventRow, considered: Sequence[Considered]) -> ExplanationView:
    """What people see of an explanation."""
    return ExplanationView(event=event_view(event), considered=[_view(one) for one in considered])


def _view(one: Considered) -> ConsideredView:
    special = {"keys", "filter", "delivery"}
    same = {field.name for field in fields(Considered)} - special
    return ConsideredView(
        **{name: getattr(one, name) for name in same},
        keys=list(one.keys),
        filter=None if one.filter is None else _filter(one.filter),
        delivery=None if one.delivery is None else delivery_view(one.delivery),
    )


def _filter(failed: FailedFilter) -> FilterView:
    return FilterView(**{field.name: getattr(failed, field.name) for field in fields(failed)})

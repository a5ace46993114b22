"""An event as definitions see it: filters, mappings and assignments."""

from __future__ import annotations

from alga_workflows_core.storage.event_rows import EventRow
from alga_workflows_core.types.json import JsonObject


def as_seen(event: EventRow) -> JsonObject:
    """`event` of an expression: `id`, `name`, `source`, `correlationKey`, `time`, `payload`.

    `time` is when it happened, as its source says; when it was received, where that says nothing.
    """
    return {
        "id": event.event_id,
        "name": event.type,
        "source": event.source,
        "correlationKey": event.correlation_key,
        "time": (event.occurred_at or event.received_at).isoformat(),
        "payload": event.data,
    }

"""Events in the JSON form of CloudEvents 1.0, with ids that a repetition does not change."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

from alga_temporal_domain.storage.outgoing import NewOutgoing
from alga_workflows_core.types.json import JsonObject

# What one tenant calls a key gives an id that no other tenant's key gives.
_IDS = UUID("6a0f3f0e-52c3-4d65-9a3a-4d1f8b1f2a77")


def cloud_event(
    *,
    tenant: str,
    source: str,
    key: str,
    type: str,  # noqa: A002 - the name that CloudEvents has for it
    subject: str,
    time: datetime,
    data: JsonObject,
) -> NewOutgoing:
    """An event about `subject`, whose events are delivered in their order.

    `key` names it within `tenant` and `source`: the same key gives the same event.
    """
    event_id = uuid5(_IDS, f"{tenant}\x1f{source}\x1f{key}")
    event = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": source,
        "type": type,
        "subject": subject,
        "time": time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "correlationkey": subject,
        "tenant": tenant,
        "data": data,
    }
    return NewOutgoing(id=event_id, stream=f"{source}\x1f{subject}", type=type, event=event)

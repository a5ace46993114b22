"""What a run waits for, as its open waits say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from alga_workflows_core.definition.model import Model
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.types.json import JsonObject


class LookedFor(Model):
    """Events that would end a wait. `correlationKey` null: with any key, or none."""

    event_name: str
    correlation_key: str | None
    filters: list[JsonObject]


class BlockedOnEvent(Model):
    """A step that has been waiting for one of these events since `since`. `until`: when it gives
    up, null for never."""

    kind: Literal["event"] = "event"
    wait_id: UUID
    step: str
    since: datetime
    until: datetime | None
    events: list[LookedFor]


def blocked_on(waits: Sequence[WaitRow]) -> list[BlockedOnEvent]:
    """The waits for events among open waits, in their order."""
    return [_on_event(wait) for wait in waits if wait.kind == "event"]


def _on_event(wait: WaitRow) -> BlockedOnEvent:
    return BlockedOnEvent(
        wait_id=wait.id,
        step=wait.path,
        since=wait.opened_at,
        until=wait.due_at,
        events=[
            LookedFor(
                event_name=match["eventName"],
                correlation_key=match["correlationKey"],
                filters=match["filters"],
            )
            for match in wait.detail["matches"]
        ],
    )

"""Webhooks on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from alga_workflows_core.definition.events import EventName
from alga_workflows_core.definition.model import field_fault
from alga_workflows_core.storage.webhooks import NewWebhook, WebhookRow
from alga_workflows_core.types.model import Model

DEFAULT_TOLERANCE = 300
LONGEST_TOLERANCE = 3600

PAYLOAD_PATH = r"^payload(\.[A-Za-z_$][A-Za-z0-9_$-]{0,127}){1,20}$"
SECRET_NAME = r"^[A-Z][A-Z0-9_]{0,127}$"  # noqa: S105 - of a name


def _moment(value: Any) -> Any:
    """A time as JSON has it, which is text."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("It has to be a time as in 2026-11-22T12:00:00Z") from None


SecretName = Annotated[str, Field(pattern=SECRET_NAME, examples=["SHOP_WEBHOOK"])]
PayloadPath = Annotated[str, Field(pattern=PAYLOAD_PATH, examples=["payload.order.id"])]
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class Webhook(Model):
    """What a webhook is set to."""

    event_name: EventName
    secret: Annotated[
        SecretName, Field(description="Name of the secret that messages are signed with.")
    ]
    previous_secret: Annotated[
        SecretName | None,
        Field(description="Name of the one before, which counts until `previousUntil`."),
    ] = None
    previous_until: Moment | None = None
    id_path: Annotated[
        PayloadPath | None,
        Field(description="Where in the body the event's id is; absent: it is `webhook-id`."),
    ] = None
    key_path: Annotated[
        PayloadPath | None,
        Field(description="Where in the body the key is that waits find the event by."),
    ] = None
    tolerance: Annotated[
        int,
        Field(
            ge=1,
            le=LONGEST_TOLERANCE,
            description="Seconds that a message's timestamp may be off.",
        ),
    ] = DEFAULT_TOLERANCE
    enabled: bool = True

    @model_validator(mode="after")
    def _check(self) -> Webhook:
        if (self.previous_secret is None) != (self.previous_until is None):
            missing = "previousUntil" if self.previous_until is None else "previousSecret"
            raise field_fault(missing, f"The field '{missing}' is missing", missing=True)
        return self


class WebhookView(Webhook):
    """A webhook. `path`: where its messages are sent to."""

    name: str
    id: UUID
    path: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class ReceivedView(Model):
    """Which event a message is. `duplicate`: there was such an event, which stays as it is."""

    event_id: str
    source: str
    duplicate: bool


def new_webhook(body: Webhook) -> NewWebhook:
    """What the body asks for."""
    return NewWebhook(**body.model_dump())


def webhook_view(row: WebhookRow) -> WebhookView:
    """A row as it is shown."""
    names = set(WebhookView.model_fields) - {"path"}
    return WebhookView(
        path=f"/api/v1/webhooks/{row.id}", **{name: getattr(row, name) for name in names}
    )

"""Receive webhooks: a message that is signed with the webhook's secret becomes an event, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

import structlog

from alga_workflows_core.actions.builtin.events import MAX_DATA_BYTES
from alga_workflows_core.errors import AccessError, InputError, TooLargeError
from alga_workflows_core.events.ingress import Ingress, Taken
from alga_workflows_core.events.webhook_signatures import (
    Signed,
    is_signed,
    read_headers,
    read_secret,
)
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.secrets.port import (
    SecretNotFoundError,
    SecretProvider,
    SecretUnusableError,
)
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.storage.event_rows import NewEvent
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.storage.webhooks import WebhookRow
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.strict_json import loads

log = structlog.get_logger()

SCHEME = "Webhook-Signature"
"""What an answer to a message that nobody can be told from names in `WWW-Authenticate`."""

LONGEST_KEY = 512
# They take part where there is no webhook, so that this takes as long as where there is one.
_NO_WEBHOOK = UUID(int=0)
_NO_TENANT = "nobody"
_NO_SECRET = "NONE"  # noqa: S105 - a name
_NO_KEY = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What was sent. Headers that are missing, or there twice, are empty."""

    webhook_id: str
    message_id: str
    timestamp: str
    signature: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The event that a message is. `duplicate`: there was such an event, which stays as it is."""

    source: str
    event_id: str
    duplicate: bool


class WebhookReceiver:
    """Takes messages to the inbox."""

    def __init__(
        self,
        *,
        storage: Storage,
        ingress: Ingress,
        secrets: SecretProvider,
        metrics: Metrics,
    ) -> None:
        self._storage = storage
        self._ingress = ingress
        self._secrets = secrets
        self._metrics = metrics

    async def receive(self, message: Message) -> Received:
        """Stage the event that a message is.

        AccessError, always the same, if there is no such webhook, it is not enabled, or the message
        is not signed with its secret, or not now; TooLargeError, whoever sent it; InputError for
        what is signed and is no event, or is one that its type refuses.
        """
        if len(message.body) > MAX_DATA_BYTES:
            self._metrics.webhook("too_large")
            raise TooLargeError(
                f"The body is over the limit of {MAX_DATA_BYTES} bytes.",
                remedy="Send where it is to be found instead.",
            )
        tenant, row = await self._authenticate(message)
        try:
            event = _event(row, message)
            taken = await self._take(tenant, event)
        except InputError as error:
            self._metrics.webhook("invalid")
            log.warning(
                "A webhook was sent what is no event, or none of its type.",
                action="webhook.invalid",
                tenant=tenant,
                webhook=row.name,
                error=error.message,
            )
            raise
        self._metrics.webhook("duplicate" if taken.duplicate else "accepted")
        return Received(source=event.source, event_id=event.event_id, duplicate=taken.duplicate)

    async def _take(self, tenant: str, event: NewEvent) -> Taken:
        (answer,) = await self._ingress.take(tenant, [event])
        if isinstance(answer, InputError):
            raise answer
        return answer

    async def _authenticate(self, message: Message) -> tuple[str, WebhookRow]:
        tenant, row, now = await self._find(message.webhook_id)
        keys = await self._keys(tenant, row, now)
        signed = read_headers(message.message_id, message.timestamp, message.signature)
        is_valid = is_signed(signed or _UNSIGNED, message.body, keys)
        if row is None or now is None:
            raise self._refused(tenant, None, "there is no such webhook")
        if not row.enabled:
            raise self._refused(tenant, row, "it is not enabled")
        if signed is None:
            raise self._refused(tenant, row, "its headers are not those of Standard Webhooks")
        if abs(now.timestamp() - signed.timestamp) > row.tolerance:
            raise self._refused(tenant, row, "its timestamp is not of now")
        if not is_valid:
            raise self._refused(tenant, row, "no signature fits")
        return tenant, row

    async def _find(self, webhook_id: str) -> tuple[str, WebhookRow | None, datetime | None]:
        try:
            address = UUID(webhook_id)
        except ValueError:
            address = _NO_WEBHOOK
        tenant = await self._storage.across.find_webhook(address) or _NO_TENANT
        async with self._storage.unit_of_work(tenant) as work:
            found = await work.webhooks.at(address)
        return (tenant, None, None) if found is None else (tenant, *found)

    async def _keys(self, tenant: str, row: WebhookRow | None, now: datetime | None) -> list[bytes]:
        if row is None:
            await self._key(tenant, row, _NO_SECRET)
            return [_NO_KEY]
        names = [row.secret]
        if row.previous_secret and row.previous_until and now and now < row.previous_until:
            names.append(row.previous_secret)
        keys = [await self._key(tenant, row, name) for name in names]
        return [key for key in keys if key is not None]

    async def _key(self, tenant: str, row: WebhookRow | None, name: str) -> bytes | None:
        """None if it cannot be used, which only the log is told."""
        try:
            return read_secret(await self._secrets.open(tenant, name))
        except (SecretNotFoundError, SecretUnusableError) as error:
            why = error.message
        except ValueError as error:
            why = f"The secret {name} cannot be used: {error}."
        if row is not None:
            log.warning(
                "A webhook has a secret that cannot be used.",
                action="webhook.secret_unusable",
                tenant=tenant,
                webhook=row.name,
                error=why,
            )
        return None

    def _refused(self, tenant: str, row: WebhookRow | None, why: str) -> AccessError:
        self._metrics.webhook("refused")
        log.info(
            f"A message to a webhook was refused: {why}.",
            action="webhook.refused",
            tenant=None if row is None else tenant,
            webhook=None if row is None else row.name,
        )
        return AccessError(
            "There is no such webhook, or the message is not signed with its secret, or not now.",
            authenticated=False,
            scheme=SCHEME,
            remedy="Check the address, the secret and the clock.",
        )


_UNSIGNED = Signed(id="", timestamp=0, signatures=(bytes(32),))


def _event(row: WebhookRow, message: Message) -> NewEvent:
    data = loads(message.body)
    size = encoded_size(data)
    if size > MAX_DATA_BYTES:
        raise TooLargeError(
            f"The body has {size} bytes as JSON; {MAX_DATA_BYTES} is the limit.",
            remedy="Send where it is to be found instead.",
        )
    event_id = _text_at(data, row.id_path)
    return NewEvent(
        source=f"webhook:{row.name}",
        event_id=message.message_id if event_id is None else event_id,
        type=row.event_name,
        correlation_key=_text_at(data, row.key_path),
        data=data,
    )


def _text_at(data: Json, path: str | None) -> str | None:
    """The text or the whole number at `payload.…`; None if there is nothing."""
    if path is None:
        return None
    here = data
    for name in path.split(".")[1:]:
        here = cast("JsonObject", here).get(name) if isinstance(here, dict) else None
    if here is None:
        return None
    text = str(here) if isinstance(here, str | int) and not isinstance(here, bool) else ""
    if not 0 < len(text) <= LONGEST_KEY or not text.isprintable():
        raise InputError(
            f"What is at `{path}` is no text on one line of 1 to {LONGEST_KEY} characters, "
            "nor a whole number.",
            code="WEBHOOK_PATH",
            path=path,
            remedy="Send one, or have the webhook look elsewhere.",
        )
    return text

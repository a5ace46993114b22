"""The webhooks of tenants, as people set them."""

from __future__ import annotations

from uuid import uuid4

import structlog

from alga_workflows_core.errors import NotFoundError
from alga_workflows_core.events.webhook_receiver import WebhookReceiver
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.storage.webhooks import NewWebhook, WebhookRow

log = structlog.get_logger()


class WebhookService:
    """Keeps webhooks. NotFoundError where a tenant has none of that name. `receiver` takes what is
    sent to them."""

    def __init__(self, storage: Storage, receiver: WebhookReceiver) -> None:
        self._storage = storage
        self.receiver = receiver

    async def save(
        self, tenant: str, name: str, new: NewWebhook, *, by: str
    ) -> tuple[WebhookRow, bool]:
        """Set a webhook; whether it is a new one, which has an address of its own."""
        async with self._storage.unit_of_work(tenant) as work:
            row, created = await work.webhooks.save(name, new, new_id=uuid4(), by=by)
        log.info("A webhook was set.", action="webhook.saved", tenant=tenant, webhook=name, by=by)
        return row, created

    async def get(self, tenant: str, name: str) -> WebhookRow:
        """The webhook of that name."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.webhooks.get(name)
        if row is None:
            raise _not_found(name)
        return row

    async def list(self, tenant: str, *, after: str | None, limit: int) -> list[WebhookRow]:
        """By name, beginning behind `after`."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.webhooks.list(after=after, limit=limit)

    async def remove(self, tenant: str, name: str, *, by: str) -> None:
        """Take a webhook away; its address is never used again."""
        async with self._storage.unit_of_work(tenant) as work:
            if not await work.webhooks.remove(name):
                raise _not_found(name)
        log.info(
            "A webhook was removed.", action="webhook.removed", tenant=tenant, webhook=name, by=by
        )


def _not_found(name: str) -> NotFoundError:
    return NotFoundError(f"There is no webhook {name!r}.", remedy="GET /webhooks lists them.")

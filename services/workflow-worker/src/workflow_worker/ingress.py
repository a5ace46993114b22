"""What brings events in besides the API's own requests."""

from __future__ import annotations

from collections.abc import Callable

from alga_workflows_core.events.webhook_receiver import WebhookReceiver
from alga_workflows_core.events.webhooks import WebhookService
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.storage.unit_of_work import Storage
from workflow_worker.settings import ServiceSettings


def webhooks(
    settings: ServiceSettings, storage: Storage, metrics: Metrics, poke: Callable[[], None]
) -> WebhookService:
    """Takes what is signed; `poke` is called when there is an event to accept."""
    receiver = WebhookReceiver(
        storage=storage, secrets=settings.secrets.provider(), metrics=metrics, poke=poke
    )
    return WebhookService(storage, receiver)

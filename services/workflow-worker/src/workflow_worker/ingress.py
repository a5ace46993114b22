"""What brings events in besides the API's own requests."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from alga_workflows_core.errors import SettingsError
from alga_workflows_core.events.ingress import Ingress
from alga_workflows_core.events.parked import ParkedMessageService
from alga_workflows_core.events.stream_consumer import StreamConsumer
from alga_workflows_core.events.stream_messages import StreamPolicy
from alga_workflows_core.events.webhook_receiver import WebhookReceiver
from alga_workflows_core.events.webhooks import WebhookService
from alga_workflows_core.infra.redis_settings import RedisSettings
from alga_workflows_core.infra.streams import Stream
from alga_workflows_core.infra.supervisor import Service
from workflow_worker.base import Base

try:
    from alga_workflows_core.infra.redis_streams import RedisStream
except ModuleNotFoundError as error:
    # Its extra is not installed, which nobody needs who names no Redis.
    if error.name != "redis":
        raise
    _connect = None
else:
    _connect = RedisStream


def webhooks(base: Base, ingress: Ingress) -> WebhookService:
    """Takes what is signed."""
    receiver = WebhookReceiver(
        storage=base.storage,
        ingress=ingress,
        secrets=base.settings.secrets.provider(),
        metrics=base.metrics,
    )
    return WebhookService(base.storage, receiver)


def parked_messages(base: Base) -> ParkedMessageService:
    """What could not be taken from the stream, if there is one."""
    return ParkedMessageService(base.storage, _policy(base.settings.redis))


def stream_services(base: Base) -> Sequence[Service]:
    """What takes events from the stream that the settings name, if they name one; SettingsError if
    its extra is not installed."""
    redis = base.settings.redis
    policy = _policy(redis)
    if policy is None:
        return ()
    claim_after = timedelta(seconds=redis.claim_after)
    consumer = StreamConsumer(
        stream=redis_stream(redis),
        storage=base.storage,
        policy=policy,
        metrics=base.metrics,
        claim_after=claim_after,
        forget_after=10 * claim_after,
    )
    return (consumer,)


def redis_stream(settings: RedisSettings) -> Stream:
    """The stream, under a name that no other process has; SettingsError without the extra."""
    if _connect is None:
        raise SettingsError(
            "WORKFLOW_REDIS_URL is set, and the library for Redis is not installed.",
            remedy="Run: pip install 'workflow-worker[redis]', or unset it.",
        )
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
    return _connect(settings, consumer=name)


def _policy(settings: RedisSettings) -> StreamPolicy | None:
    if settings.url is None or settings.parked_tenant is None:
        return None
    return StreamPolicy(tenants=settings.allowed_tenants, parked_tenant=settings.parked_tenant)

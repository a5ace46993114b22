"""A consumer that is killed between the commit of its first batch and the word to the stream.

`python -m tests.streams.killed_consumer`; the environment has the settings of both sides.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from datetime import timedelta

from alga_workflows_core.events.stream_consumer import StreamConsumer
from alga_workflows_core.events.stream_messages import StreamPolicy
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.redis_settings import RedisSettings
from alga_workflows_core.infra.redis_streams import RedisStream
from alga_workflows_core.infra.settings import DatabaseSettings, load_all
from alga_workflows_core.storage.unit_of_work import Storage


class Deadly(RedisStream):
    """A stream to which nothing can be said: who tries dies."""

    async def acknowledge(self, ids: Sequence[str]) -> None:
        if ids:
            os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    """Consume until that happens."""
    database, redis = load_all(DatabaseSettings, RedisSettings)
    consumer = StreamConsumer(
        stream=Deadly(redis, consumer="killed"),
        storage=Storage(Database(database)),
        policy=StreamPolicy(tenants=redis.allowed_tenants, parked_tenant=redis.parked_tenant),
        metrics=Metrics(),
        claim_after=timedelta(hours=1),
        forget_after=timedelta(hours=1),
    )
    await consumer.run(lambda: None)


if __name__ == "__main__":
    asyncio.run(main())

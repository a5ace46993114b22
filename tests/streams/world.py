"""A stream and a database: what goes in on one side, and what comes out on the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from alga_workflows_core.events.stream_consumer import StreamConsumer
from alga_workflows_core.events.stream_messages import StreamPolicy
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.redis_settings import RedisSettings
from alga_workflows_core.infra.redis_streams import RedisStream
from alga_workflows_core.infra.settings import load
from alga_workflows_core.infra.supervisor import Backoff
from alga_workflows_core.storage.event_rows import EventFilter, EventRow
from alga_workflows_core.storage.parked_messages import WholeMessage
from alga_workflows_core.storage.unit_of_work import Storage
from tests.services.command import eventually
from tests.streams.server import RedisServer

TENANT, OTHER, OPERATOR = "acme", "globex", "operations"
GROUP = "alga-workflows"
BLOCK = 0.1
LONG = timedelta(hours=1)


class World:
    """One stream of `server` and the rows of `storage`."""

    def __init__(self, server: RedisServer, storage: Storage, *, stream: str) -> None:
        self.server = server
        self.storage = storage
        self.stream = stream
        self.redis = server.client()
        self.raw = server.client(decode_responses=False)
        self.metrics = Metrics()

    async def close(self) -> None:
        await self.redis.aclose()
        await self.raw.aclose()

    @property
    def policy(self) -> StreamPolicy:
        return StreamPolicy(tenants=frozenset({TENANT, OTHER}), parked_tenant=OPERATOR)

    def settings(self, **variables: str) -> RedisSettings:
        """Settings as the environment has them."""
        return load(
            RedisSettings,
            {
                "WORKFLOW_REDIS_URL": self.server.url,
                "WORKFLOW_REDIS_STREAM": self.stream,
                "WORKFLOW_REDIS_TENANTS": f"{TENANT},{OTHER}",
                "WORKFLOW_REDIS_PARKED_TENANT": OPERATOR,
                "WORKFLOW_REDIS_BLOCK": str(BLOCK),
                "WORKFLOW_REDIS_BATCH": "10",
                **variables,
            },
        )

    def connect(self, consumer: str, **variables: str) -> RedisStream:
        return RedisStream(self.settings(**variables), consumer=consumer)

    @asynccontextmanager
    async def consuming(
        self,
        consumer: str = "",
        *,
        claim_after: timedelta = LONG,
        forget_after: timedelta = LONG,
        stream: RedisStream | None = None,
    ) -> AsyncGenerator[StreamConsumer]:
        """A consumer that works meanwhile and is stopped in the end."""
        made = StreamConsumer(
            stream=stream or self.connect(consumer or f"c-{uuid4().hex[:8]}"),
            storage=self.storage,
            policy=self.policy,
            metrics=self.metrics,
            claim_after=claim_after,
            forget_after=forget_after,
            backoff=Backoff(first=0.05, longest=0.2),
        )
        running = asyncio.create_task(made.run(lambda: None))
        try:
            yield made
        finally:
            await made.stop()
            await running

    async def add(self, event_id: str, **fields: Any) -> str:
        """Publish a message as others do; the stream's id of it."""
        message: dict[Any, Any] = {
            "event_id": event_id,
            "event_name": "TICKET_CREATED",
            "event_type": "TICKET_CREATED",
            "tenant": TENANT,
            "payload_json": json.dumps({"id": event_id}),
            **fields,
        }
        kept = {name: value for name, value in message.items() if value is not None}
        added: str = await self.redis.xadd(self.stream, kept)
        return added

    async def read_as(self, consumer: str, count: int) -> list[str]:
        """Have another program read messages, and leave them lying."""
        await self.join()
        answer = await self.redis.xreadgroup(GROUP, consumer, {self.stream: ">"}, count=count)
        return [message_id for message_id, _ in answer[0][1]]

    async def join(self) -> None:
        stream = self.connect("nobody")
        await stream.join()
        await stream.close()

    async def pending(self) -> int:
        """How many messages were read and are not acknowledged."""
        found: Mapping[str, Any] = await self.redis.xpending(self.stream, GROUP)
        return int(found["pending"])

    async def consumers(self) -> set[str]:
        return {each["name"] for each in await self.redis.xinfo_consumers(self.stream, GROUP)}

    async def events(self, tenant: str = TENANT) -> list[EventRow]:
        """The tenant's inbox, the oldest first."""
        async with self.storage.unit_of_work(tenant) as work:
            heads = await work.events.list(EventFilter(), after=None, limit=1000)
            rows = [await work.events.get(head.id) for head in reversed(heads)]
        return [row for row in rows if row is not None]

    async def parked(self, tenant: str = OPERATOR) -> list[WholeMessage]:
        """What was parked for the tenant, whole, the oldest first."""
        async with self.storage.unit_of_work(tenant) as work:
            rows = await work.parked_messages.list(retried=False, after=None, limit=1000)
            whole = [await work.parked_messages.get(row.id) for row in rows[::-1]]
        return [each for each in whole if each is not None]

    async def until_done(self, count: int) -> None:
        """Wait until so many messages have been read by anybody and all are acknowledged."""

        async def done() -> bool:
            groups = await self.redis.xinfo_groups(self.stream)
            if not groups or groups[0]["pending"]:
                return False
            read = await self.raw.xrange(self.stream, "-", groups[0]["last-delivered-id"])
            return len(read) >= count

        await eventually(done, f"{count} messages are read and acknowledged", seconds=30)

"""The Temporal worker as a supervised service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from alga_workflows_core.temporal.names import TASK_QUEUE

log = structlog.get_logger()


class Poller:
    """Polls the authored queue until stopped. A fatal error of the SDK's worker ends `run`, and the
    supervisor starts it again with a fresh worker."""

    name = "poller"

    def __init__(self, client: Client, build: Callable[[], Worker], *, build_id: str) -> None:
        self._client = client
        self._build = build
        self._build_id = build_id
        self._stopping = asyncio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        worker = self._build()
        polling = asyncio.create_task(worker.run(), name="temporal-worker")
        stopping = asyncio.create_task(self._stopping.wait())
        log.info(
            f"Polling {TASK_QUEUE} in namespace {self._client.namespace}",
            action="poller.started",
            queue=TASK_QUEUE,
            namespace=self._client.namespace,
            address=self._client.service_client.config.target_host,
            identity=self._client.identity,
            build_id=self._build_id,
        )
        ready()
        try:
            await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not polling.done():
                await worker.shutdown()
            await polling
        finally:
            stopping.cancel()
            if not polling.done():
                polling.cancel()

    async def stop(self) -> None:
        self._stopping.set()

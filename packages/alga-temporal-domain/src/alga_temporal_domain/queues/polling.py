"""The worker of one queue as a supervised service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from alga_temporal_domain.queues.chosen import AUTHORED, AUTHORED_OWNER
from alga_temporal_domain.queues.spec import QueueSpec, build_worker
from alga_temporal_domain.queues.watching import PollWatch

log = structlog.get_logger()

_LOOK_AGAIN = 0.1
_UNSEEN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """How workers of this process poll.

    `build_id` is written into every workflow task; activities get `grace` to end when the worker
    stops, which it does as soon as `stopping` is set, together with all others.
    """

    client: Client
    build_id: str
    grace: timedelta
    stopping: asyncio.Event


class QueueService:
    """Polls one queue until stopped. A fatal error of the SDK's worker ends `run`, and the
    supervisor starts it again with a fresh worker, which has an identity of its own.

    It is ready when the server has seen it poll, or has not told for five seconds.
    """

    def __init__(self, spec: QueueSpec, polling: Polling, watch: PollWatch) -> None:
        self.name = f"queue {spec.name}"
        self._spec = spec
        self._polling = polling
        self._watch = watch
        self._stop_asked = asyncio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        if self._stop_asked.is_set():
            return
        client = self._polling.client
        identity = f"{client.identity}/{uuid4().hex[:8]}"
        worker = build_worker(
            client,
            self._spec,
            build_id=self._polling.build_id,
            graceful_shutdown=self._polling.grace,
            identity=identity,
        )
        working = asyncio.create_task(worker.run(), name=f"run {self.name}")
        stops = [
            asyncio.create_task(event.wait())
            for event in (self._stop_asked, self._polling.stopping)
        ]
        seeing = asyncio.create_task(self._seen(identity, ready))
        self._tell(identity)
        try:
            await asyncio.wait({working, *stops}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await worker.shutdown()
            await working
            if self._polling.stopping.is_set():
                # The supervisor takes a service that ends of itself for one that has failed.
                await self._stop_asked.wait()
        finally:
            for task in (*stops, seeing, working):
                task.cancel()
            await asyncio.wait({seeing})

    async def stop(self) -> None:
        self._stop_asked.set()

    async def _seen(self, identity: str, ready: Callable[[], None]) -> None:
        self._watch.begin(identity)
        loop = asyncio.get_running_loop()
        end = loop.time() + _UNSEEN_SECONDS
        while loop.time() < end:
            try:
                if await self._watch.look():
                    break
            except RPCError as error:
                log.debug(f"Polls cannot be seen: {error}", action="queue.unseen")
            await asyncio.sleep(_LOOK_AGAIN)
        ready()

    def _tell(self, identity: str) -> None:
        client = self._polling.client
        log.info(
            f"Polling {self._spec.name} in namespace {client.namespace}",
            action="queue.polling",
            queue=self._spec.name,
            namespace=client.namespace,
            address=client.service_client.config.target_host,
            identity=identity,
            build_id=self._polling.build_id,
        )


def tell_others(unserved: tuple[str, ...]) -> None:
    """Say once at the start what this process does not poll: where nothing is served yet, and the
    queue of authored runs, which is another service's."""
    for queue in unserved:
        log.info(
            f"Nothing is served on {queue} yet; it is not polled",
            action="queue.unserved",
            queue=queue,
        )
    log.info(
        f"{AUTHORED} is not this process's queue; {AUTHORED_OWNER} owns it",
        action="queue.authored",
        queue=AUTHORED,
        owner=AUTHORED_OWNER,
    )

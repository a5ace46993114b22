"""Serve actions of another service on a queue of its own.

    worker = ActionWorker(queue="billing-actions", actions=[charge, refund], database=settings)
    asyncio.run(worker.run())

What it serves is told to the catalogue, so that definitions can call it; see
docs/howto/action-worker.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from alga_workflows_core.actions.contract import AUTHORED_QUEUE, Action
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.errors import InputError, SettingsError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.secrets.port import SecretProvider
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.supervisor import install_signal_handlers
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.runs.perform_activity import PerformActivity
from alga_workflows_core.storage.ledger import Ledger
from alga_workflows_core.storage.transactions import EngineTransactions
from alga_workflows_core.temporal.advertising import QUEUE, TENANT
from alga_workflows_core.temporal.names import TASK_QUEUE
from alga_workflows_core.temporal.worker import build_action_worker
from alga_workflows_core.worker.advertiser import MAX_CONTRACT_BYTES, Advertiser, contract_size

log = structlog.get_logger()

ADVERTISE_SECONDS = 120.0
# Without a ledger nobody would know after a crash whether one of these had taken effect.
_NEED_LEDGER = frozenset({ActionKind.IDEMPOTENT, ActionKind.TRANSACTIONAL, ActionKind.UNSAFE})


class ActionWorker:
    """Performs actions of `queue` and keeps the catalogue informed of them.

    `temporal`: a client, or where the server is; None: as the environment says. `database` holds
    the ledger; only actions of kind read do without. `secrets` opens what inputs name. `tenant`:
    the one that may call them; None: all. `stop_timeout`: seconds that actions get to finish.

    SettingsError names everything that is wrong with queue and actions at once.
    """

    def __init__(
        self,
        temporal: Client | TemporalSettings | None = None,
        *,
        queue: str,
        actions: Iterable[Action],
        database: DatabaseSettings | None = None,
        secrets: SecretProvider | None = None,
        tenant: str | None = None,
        build_id: str = "dev",
        stop_timeout: float = 10.0,
        advertise_every: float = ADVERTISE_SECONDS,
    ) -> None:
        served = list(actions)
        faults = [*_faults(queue, tenant), *_faults_of(served, queue, ledger=database is not None)]
        if faults:
            raise SettingsError(
                "The actions cannot be served:\n" + "\n".join(f"  - {fault}" for fault in faults),
                remedy="\nCorrect them and start again.",
                details={"faults": faults},
            )
        self._temporal = temporal
        self._queue = queue
        self._registry = Registry(served)
        self._specs = [_on_queue(spec, queue) for spec in self._registry.specs().values()]
        self._database = database
        self._secrets = secrets
        self._tenant = tenant
        self._build_id = build_id
        self._stop_timeout = stop_timeout
        self._every = advertise_every
        self._undo = AsyncExitStack()

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Serve until `stop` is set; without one until SIGTERM or SIGINT (call it in the main
        thread then). Actions that run get `stop_timeout` to finish.

        UnavailableError if Temporal cannot be reached at the start. End the process with
        `infra.supervisor.exit_process` afterwards: the SDK's threads may abort it otherwise.
        """
        if stop is None:
            stop = asyncio.Event()
            install_signal_handlers(stop)
        async with self._serving() as polling:
            stopping = asyncio.ensure_future(stop.wait())
            try:
                await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()

    async def __aenter__(self) -> ActionWorker:
        """Serve until the block ends."""
        await self._undo.enter_async_context(self._serving())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._undo.aclose()

    @asynccontextmanager
    async def _serving(self) -> AsyncGenerator[asyncio.Future[None]]:
        """Yields what ends when the worker cannot poll any more, with the reason."""
        async with AsyncExitStack() as undo:
            client = await self._client()
            worker = self._worker(client, undo)
            polling = asyncio.ensure_future(worker.run())
            advertising = asyncio.ensure_future(self._advertiser(client).run())
            log.info(
                f"Serving {len(self._specs)} actions on {self._queue}",
                action="action_worker.started",
                queue=self._queue,
                namespace=client.namespace,
                identity=client.identity,
                build_id=self._build_id,
            )
            try:
                yield polling
            finally:
                advertising.cancel()
                if not polling.done():
                    await worker.shutdown()
                await asyncio.wait({advertising})
                await polling
            log.info(f"{self._queue} is served no more", action="action_worker.stopped")

    async def _client(self) -> Client:
        if isinstance(self._temporal, Client):
            return self._temporal
        settings = self._temporal or load(TemporalSettings)
        return await connect(settings, runtime=temporal_runtime().runtime)

    def _worker(self, client: Client, undo: AsyncExitStack) -> Worker:
        performing = PerformActivity(
            Performer(self._registry, ledger=self._ledger(undo), secrets=self._secrets)
        )
        return build_action_worker(
            client,
            queue=self._queue,
            activities=[performing.perform],
            build_id=self._build_id,
            graceful_shutdown=timedelta(seconds=self._stop_timeout),
        )

    def _ledger(self, undo: AsyncExitStack) -> Ledger | None:
        if self._database is None:
            return None
        database = Database(self._database)
        undo.push_async_callback(database.close)
        return Ledger(EngineTransactions(database.engine, address=database.address))

    def _advertiser(self, client: Client) -> Advertiser:
        return Advertiser(
            client,
            self._specs,
            queue=self._queue,
            tenant=self._tenant,
            build_id=self._build_id,
            every=self._every,
        )


def _on_queue(spec: ActionSpec, queue: str) -> ActionSpec:
    return spec.model_copy(update={"queue": queue})


def _faults(queue: str, tenant: str | None) -> Iterable[str]:
    if queue == TASK_QUEUE:
        yield f"{TASK_QUEUE!r} is the queue of the runs themselves; choose another one."
    elif not re.fullmatch(QUEUE, queue):
        yield f"{queue!r} cannot be a queue: 1 to 200 characters, none of them a control character."
    if tenant is not None and not re.fullmatch(TENANT, tenant):
        yield f"{tenant!r} cannot be a tenant."


def _faults_of(actions: list[Action], queue: str, *, ledger: bool) -> Iterable[str]:
    if not actions:
        yield "There are no actions to serve."
    for action in actions:
        spec = action.spec
        name = f"{spec.id} {spec.version}"
        if spec.queue not in (AUTHORED_QUEUE, queue):
            yield f"{name} is written for queue {spec.queue!r}, not for {queue!r}."
        if spec.kind is ActionKind.PURE:
            yield f"{name} is pure: such actions run inside the workflow, and on no queue."
        if spec.kind in _NEED_LEDGER and not ledger:
            yield (
                f"{name} is {spec.kind}, so it needs a ledger: give `database`, in which "
                "`install_ledger` has made it. Without one only actions of kind read are served."
            )
        try:
            size = contract_size(spec)
        except InputError as error:
            yield f"The schemas of {name} are no plain JSON: {error}"
            continue
        if size > MAX_CONTRACT_BYTES:
            yield f"The contract of {name} has {size} bytes; {MAX_CONTRACT_BYTES} is the limit."

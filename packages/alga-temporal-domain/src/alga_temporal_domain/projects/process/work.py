"""The worker of a project: poll its queue with its code until told to stop."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig

from alga_temporal_domain.projects.builtin.activities import BuiltinActivities
from alga_temporal_domain.projects.builtin.waiting import DurableWait
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.loading import Loaded
from alga_temporal_domain.projects.names import build_id, deployment_name, poller_identity
from alga_temporal_domain.projects.process.calls import Calls
from alga_temporal_domain.projects.process.channel import Channel
from alga_temporal_domain.projects.process.connecting import connect
from alga_temporal_domain.projects.process.frames import Failed, Ready, Result, Stop, Told
from alga_temporal_domain.projects.process.measuring import Collector, Measuring
from alga_temporal_domain.projects.process.order import WorkOrder
from alga_temporal_domain.projects.process.trial import BAD_BUNDLE, load_or_findings

FAILED = 1
"""The exit code of a process whose worker has failed."""

_CACHED_WORKFLOWS = 100
_LEAST_WORKFLOW_TASKS = 2  # fewer, and the SDK refuses to keep workflows in its cache
_STICKY = timedelta(seconds=2)
_TELL_EVERY = 5.0
_LOOK_AT_LAG_EVERY = 0.5
_LOOK_FOR_POLLER_EVERY = 0.01
_LOOK_FOR_POLLER = 2.0
_CONNECT = 10.0
_LONGEST_MESSAGE = 2000


def run(order: WorkOrder, channel: Channel, collector: Collector, walls: tuple[str, ...]) -> int:
    """The exit code: 0 after a stop, 65 for code that cannot be used, 1 when the worker failed."""
    if order.bundle.hash != order.bundle_hash:
        said = "What was handed over is not what was published under this hash."
        finding = Finding(rule=Rule.HASH_MISMATCH, message=said)
        channel.send(Failed(message=said, findings=(finding,)))
        return BAD_BUNDLE
    began = time.monotonic()
    loaded = load_or_findings(order.bundle)
    if isinstance(loaded, tuple):
        channel.send(Failed(message="The modules cannot be imported.", findings=loaded))
        return BAD_BUNDLE
    load_ms = (time.monotonic() - began) * 1000
    # Neither `asyncio.run` nor a close: both would wait for what is left, and the process ends.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        work = _Work(order, channel, collector, loaded)
        return loop.run_until_complete(work.run(walls, load_ms=load_ms))
    except SystemExit as error:
        said = f"The code ended the process with exit({error.code!r})."[:_LONGEST_MESSAGE]
        channel.send(Failed(message=said))
        return FAILED


class _Work:
    def __init__(
        self, order: WorkOrder, channel: Channel, collector: Collector, loaded: Loaded
    ) -> None:
        self._order = order
        self._channel = channel
        self._loaded = loaded
        self._collector = collector
        self._calls = Calls(channel)
        self._stopping = asyncio.Event()
        self._problem: BaseException | None = None
        self._identity = poller_identity(order.identity, os.getpid())

    async def run(self, walls: tuple[str, ...], *, load_ms: float) -> int:
        self._channel.attach(asyncio.get_running_loop(), self._receive)
        telling = asyncio.create_task(self._tell())
        lagging = asyncio.create_task(self._watch_lag())
        began = time.monotonic()
        try:
            async with asyncio.timeout(_CONNECT):
                client = await connect(self._order.temporal, identity=self._identity)
        except (RPCError, RuntimeError, OSError) as error:
            return self._fail(f"Temporal at {self._order.temporal.address}: {error}")
        connected = time.monotonic()
        try:
            worker = self._worker(client)
        except (ValueError, TypeError, RuntimeError) as error:
            # What the SDK does not take: a workflow without a run method, names twice.
            return self._refuse(error)
        running = asyncio.create_task(worker.run())
        seen = await self._is_seen(client, running)
        if not running.done():
            self._channel.send(
                Ready(
                    load_ms=load_ms,
                    connect_ms=(connected - began) * 1000,
                    worker_ms=(time.monotonic() - connected) * 1000,
                    seen=seen,
                    walls=walls,
                )
            )
        return await self._until_stopped(worker, running, (telling, lagging))

    async def _until_stopped(
        self,
        worker: Worker,
        running: asyncio.Task[None],
        others: tuple[asyncio.Task[None], ...],
    ) -> int:
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._problem is None and not running.done():
            await worker.shutdown()
        for task in others:
            task.cancel()
        self._channel.send(Told(stats=self._collector.take()))
        if self._problem is None and running.done() and not running.cancelled():
            self._problem = running.exception()
        if self._problem is not None:
            return self._fail(f"{type(self._problem).__name__}: {self._problem}")
        return 0 if self._stopping.is_set() else self._fail("The worker ended by itself.")

    def _worker(self, client: Client) -> Worker:
        order, limits = self._order, self._order.bounds
        pollers = PollerBehaviorAutoscaling(minimum=1, maximum=20, initial=2)
        return Worker(
            client,
            task_queue=order.queue,
            workflows=list(self._loaded.workflows),
            activities=[*self._loaded.activities, *BuiltinActivities(self._calls).all()],
            activity_executor=ThreadPoolExecutor(limits.activities, "activity"),
            interceptors=[Measuring(self._collector), DurableWait()],
            deployment_config=WorkerDeploymentConfig(
                version=WorkerDeploymentVersion(
                    deployment_name(order.project_id), build_id(order.bundle_hash)
                ),
                use_worker_versioning=True,
                default_versioning_behavior=VersioningBehavior.PINNED,
            ),
            max_cached_workflows=_CACHED_WORKFLOWS,
            max_concurrent_workflow_tasks=max(limits.workflows, _LEAST_WORKFLOW_TASKS),
            max_concurrent_activities=limits.activities,
            max_concurrent_local_activities=limits.activities,
            workflow_task_poller_behavior=pollers,
            activity_task_poller_behavior=pollers,
            sticky_queue_schedule_to_start_timeout=_STICKY,
            graceful_shutdown_timeout=timedelta(seconds=order.graceful_seconds),
            on_fatal_error=self._has_failed,
        )

    async def _has_failed(self, error: BaseException) -> None:
        self._problem = error
        self._stopping.set()

    def _receive(self, frame: Stop | Result) -> None:
        if isinstance(frame, Stop):
            self._stopping.set()
        else:
            self._calls.resolve(frame)

    async def _is_seen(self, client: Client, running: asyncio.Task[None]) -> bool:
        """Whether Temporal names this worker as a poller; it has two seconds to do so."""
        kind = (
            TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
            if self._loaded.workflows
            else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
        )
        asked = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=self._order.queue),
            task_queue_type=kind,
        )
        until = time.monotonic() + _LOOK_FOR_POLLER
        while time.monotonic() < until and not running.done() and not self._stopping.is_set():
            await asyncio.sleep(_LOOK_FOR_POLLER_EVERY)
            try:
                answer = await client.workflow_service.describe_task_queue(asked)
            except RPCError:
                continue
            if any(poller.identity == self._identity for poller in answer.pollers):
                return True
        return False

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY)
            self._channel.send(Told(stats=self._collector.take()))

    async def _watch_lag(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_LOOK_AT_LAG_EVERY)
            self._collector.late(time.monotonic() - began - _LOOK_AT_LAG_EVERY)

    def _fail(self, message: str) -> int:
        self._channel.send(Failed(message=message[:_LONGEST_MESSAGE]))
        return FAILED

    def _refuse(self, error: Exception) -> int:
        said = f"The worker does not take the code: {error}"[:_LONGEST_MESSAGE]
        finding = Finding(rule=Rule.LOAD_FAILED, message=said)
        self._channel.send(Failed(message=said, findings=(finding,)))
        return BAD_BUNDLE

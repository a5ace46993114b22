"""The SDK's worker with the settings that were measured for the interpreter."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Interceptor, UnsandboxedWorkflowRunner, Worker

from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.temporal.advertising import AdvertiseWorkflow
from alga_workflows_core.temporal.names import TASK_QUEUE
from alga_workflows_core.temporal.pure import Externals, ExternalsInterceptor
from alga_workflows_core.temporal.schedule_fire import ScheduleFireWorkflow
from alga_workflows_core.temporal.workflow import RunWorkflow

# docs/adr/0004 gives the measurement behind each figure.
WORKFLOW_TASK_SLOTS = 40
STICKY_TIMEOUT = timedelta(seconds=10)
CACHED_RUNS = 1000
ACTIVITY_SLOTS = 100
# Heartbeats go out this often at most, and a cancel comes back with one: an action is asked to stop
# soon enough for the two seconds that its run waits for it.
HEARTBEAT_THROTTLE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What else than usual a worker does. `interceptors` come outside of its own.

    A workflow task that a killed worker was given goes to another one after `sticky_timeout`.
    """

    workflow: type[Any] = RunWorkflow
    interceptors: Sequence[Interceptor] = ()
    sticky_timeout: timedelta = STICKY_TIMEOUT
    heartbeat_throttle: timedelta = HEARTBEAT_THROTTLE


def build_action_worker(
    client: Client,
    *,
    queue: str,
    activities: Sequence[Callable[..., Awaitable[Any]]],
    build_id: str,
    graceful_shutdown: timedelta,
) -> Worker:
    """A worker that performs actions from another queue and walks no runs; not running yet."""
    return Worker(
        client,
        task_queue=queue,
        activities=list(activities),
        build_id=build_id,
        max_concurrent_activities=ACTIVITY_SLOTS,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=graceful_shutdown,
    )


def build_worker(
    client: Client,
    *,
    registry: Registry,
    activities: Sequence[Callable[..., Awaitable[Any]]],
    build_id: str,
    graceful_shutdown: timedelta,
    on_fatal_error: Callable[[BaseException], Awaitable[None]] | None = None,
    options: WorkerOptions | None = None,
) -> Worker:
    """A worker of the authored queue that is not running yet."""
    options = options or WorkerOptions()
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[options.workflow, AdvertiseWorkflow, ScheduleFireWorkflow],
        activities=list(activities),
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_executor=ThreadPoolExecutor(
            max_workers=WORKFLOW_TASK_SLOTS, thread_name_prefix="workflow-task"
        ),
        interceptors=[
            *options.interceptors,
            ExternalsInterceptor(Externals(registry, time.perf_counter)),
        ],
        build_id=build_id,
        max_concurrent_workflow_tasks=WORKFLOW_TASK_SLOTS,
        max_concurrent_activities=ACTIVITY_SLOTS,
        max_concurrent_local_activities=ACTIVITY_SLOTS,
        max_cached_workflows=CACHED_RUNS,
        max_heartbeat_throttle_interval=options.heartbeat_throttle,
        default_heartbeat_throttle_interval=options.heartbeat_throttle,
        sticky_queue_schedule_to_start_timeout=options.sticky_timeout,
        graceful_shutdown_timeout=graceful_shutdown,
        on_fatal_error=on_fatal_error,
    )

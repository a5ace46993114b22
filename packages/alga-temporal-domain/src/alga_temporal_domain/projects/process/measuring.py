"""Counting what a project's worker does, by interceptors."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from alga_temporal_domain.projects.durations import BUCKETS, bucket_of
from alga_temporal_domain.projects.process.statistics import (
    LONGEST_NAME,
    MOST_NAMES,
    OTHERS,
    ActivityCounts,
    Stats,
    WorkflowCounts,
)

T = TypeVar("T")

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1024 * 1024


@dataclass(slots=True)
class _Activity:
    ok: int = 0
    failed: int = 0
    sum_ms: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter[int])


@dataclass(slots=True)
class _Workflow:
    completed: int = 0
    failed: int = 0
    sum_ms: float = 0.0


class Collector:
    """Counts from all threads of the process, taken out as deltas.

    To be made before the process may no longer open files of /proc.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._activities: dict[str, _Activity] = {}
        self._workflows: dict[str, _Workflow] = {}
        self._running = 0
        self._lag = 0.0
        self._since = time.monotonic()
        self._cpu = time.process_time()
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def begin(self) -> None:
        """An attempt of an activity begins."""
        with self._lock:
            self._running += 1

    def end(self, name: str, seconds: float, *, ok: bool) -> None:
        """It has ended."""
        ms = seconds * 1000
        with self._lock:
            self._running -= 1
            counts = _of(self._activities, name, _Activity)
            counts.ok += ok
            counts.failed += not ok
            counts.sum_ms += ms
            counts.buckets[bucket_of(ms)] += 1

    def execution(self, name: str, ms: float, *, ok: bool) -> None:
        """An execution of a workflow has ended."""
        with self._lock:
            counts = _of(self._workflows, name, _Workflow)
            counts.completed += ok
            counts.failed += not ok
            counts.sum_ms += max(ms, 0.0)

    def late(self, seconds: float) -> None:
        """The event loop was that late."""
        with self._lock:
            self._lag = max(self._lag, seconds)

    def take(self) -> Stats:
        """What was counted since the last time."""
        with self._lock:
            activities, self._activities = self._activities, {}
            workflows, self._workflows = self._workflows, {}
            lag, self._lag = self._lag, 0.0
            running = self._running
        now, cpu = time.monotonic(), time.process_time()
        seconds, self._since = now - self._since, now
        spent, self._cpu = cpu - self._cpu, cpu
        return Stats(
            seconds=seconds,
            activities={
                name: ActivityCounts(
                    ok=counts.ok,
                    failed=counts.failed,
                    sum_ms=counts.sum_ms,
                    histogram=[counts.buckets[bucket] for bucket in range(BUCKETS)],
                )
                for name, counts in activities.items()
            },
            workflows={
                name: WorkflowCounts(
                    completed=counts.completed, failed=counts.failed, sum_ms=counts.sum_ms
                )
                for name, counts in workflows.items()
            },
            cpu_seconds=max(spent, 0.0),
            rss_mb=int(os.pread(self._statm, 200, 0).split()[1]) * _PAGE / _MEGABYTE,
            running_activities=running,
            lag_ms=max(lag, 0.0) * 1000,
        )


class Measuring(Interceptor):
    """Tells `collector` of attempts of activities, and of executions that end here."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _MeasuredActivity(next, self._collector)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        class Measured(_MeasuredWorkflow):
            collector = self._collector

        return Measured


class _MeasuredActivity(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, collector: Collector) -> None:
        super().__init__(inner)
        self._collector = collector

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        began = time.monotonic()
        ok = False
        self._collector.begin()
        try:
            result = await super().execute_activity(input)
            ok = True
        except SystemExit as error:
            # It would end the process, and with it whatever else runs there.
            raise ApplicationError(
                f"The activity called exit({error.code!r}).", type="EXIT", non_retryable=True
            ) from None
        finally:
            name = activity.info().activity_type
            self._collector.end(name, time.monotonic() - began, ok=ok)
        return result


class _MeasuredWorkflow(WorkflowInboundInterceptor):
    collector: Collector

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002
        try:
            result = await super().execute_workflow(input)
        except FailureError as error:
            # Anything else fails a workflow task, which is tried again, and not the execution.
            if not is_cancelled_exception(error):
                self._tell(ok=False)
            raise
        self._tell(ok=True)
        return result

    def _tell(self, *, ok: bool) -> None:
        if workflow.unsafe.is_replaying():
            return
        info = workflow.info()
        ms = (workflow.now() - info.workflow_start_time).total_seconds() * 1000
        self.collector.execution(info.workflow_type, ms, ok=ok)


def _of(counts: dict[str, T], name: str, make: Callable[[], T]) -> T:
    name = name[:LONGEST_NAME]
    found = counts.get(name)
    if found is None:
        if len(counts) >= MOST_NAMES:
            name = OTHERS
        found = counts.setdefault(name, make())
    return found

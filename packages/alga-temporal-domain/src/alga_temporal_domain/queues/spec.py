"""What is served on one queue."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

TENANTS = "tenant-workflows"
PORTAL_DOMAINS = "portal-domain-workflows"
EMAIL_DOMAINS = "email-domain-workflows"
JOBS = "alga-jobs"
SLA = "sla-workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """A queue with only what belongs there; without workflows nothing is served there yet.

    `activity_slots` and `workflow_slots`: how many of each may be under way at a time in a process.
    """

    name: str
    workflows: tuple[type[Any], ...] = ()
    activities: tuple[Callable[..., Any], ...] = ()
    activity_slots: int = 100
    workflow_slots: int = 40

    @property
    def is_served(self) -> bool:
        """Whether anything would happen to what is put on this queue."""
        return bool(self.workflows)


def build_worker(
    client: Client,
    spec: QueueSpec,
    *,
    build_id: str,
    graceful_shutdown: timedelta,
    identity: str | None = None,
) -> Worker:
    """A worker of the queue that is not running yet. `identity`: in place of the client's."""
    return Worker(
        client,
        task_queue=spec.name,
        workflows=list(spec.workflows),
        activities=list(spec.activities),
        # Purity is checked where it can be seen, in what workflow modules import.
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_executor=ThreadPoolExecutor(
            max_workers=spec.workflow_slots, thread_name_prefix=spec.name
        ),
        build_id=build_id,
        identity=identity,
        max_concurrent_workflow_tasks=spec.workflow_slots,
        max_concurrent_activities=spec.activity_slots,
        graceful_shutdown_timeout=graceful_shutdown,
    )

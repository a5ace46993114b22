"""A process that performs activities of jobs, and kills itself once at each of their boundaries."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from alga_temporal_domain.jobs.context import JobContext
from alga_temporal_domain.jobs.contracts import RetryOptions
from alga_temporal_domain.jobs.registry import AnyJob, job
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from tests.domain.jobs.handlers import Number
from tests.domain.jobs.world import job_world


def mortal_job(folder: Path) -> AnyJob:
    """Leaves one file per job, however often it is called; the result is how often that was."""

    @job(
        "mortal",
        input=Number,
        output=int,
        heartbeat=1.0,
        retry=RetryOptions(attempts=30, first=0.05, factor=1.0, longest=0.05),
        concurrency_key="mortal",
    )
    async def mortal(value: Number, context: JobContext) -> int:
        calls = folder / f"{context.job_id}.calls"
        with calls.open("a", encoding="utf-8") as file:
            file.write("x")
        # Long enough for the limiter to look whether this job is still there.
        await asyncio.sleep(2.5)
        effect = folder / f"{context.job_id}.effect"
        if not effect.exists():
            effect.write_text(str(value.number), encoding="utf-8")
        return len(calls.read_text(encoding="utf-8"))

    return mortal


class Boundaries(Interceptor):
    """Dies before and after each kind of activity, each time once."""

    def __init__(self, crossed: Path) -> None:
        self._crossed = crossed

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Dying(next, self)

    def cross(self, place: str) -> None:
        known = self._crossed.read_text(encoding="utf-8") if self._crossed.exists() else ""
        if place not in known.splitlines():
            with self._crossed.open("a", encoding="utf-8") as file:
                file.write(f"{place}\n")
            os.kill(os.getpid(), signal.SIGKILL)


class _Dying(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, boundaries: Boundaries) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        self._boundaries = boundaries

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        kind = activity.info().activity_type
        self._boundaries.cross(f"before {kind}")
        result = await super().execute_activity(input)
        self._boundaries.cross(f"after {kind}")
        return result


async def main(folder: Path, environ: Mapping[str, str]) -> None:
    """Work until killed."""
    settings = load(TemporalSettings, environ)
    client = await connect(settings, runtime=temporal_runtime().runtime, timeout=60.0)
    storage = DomainStorage(Database(load(DatabaseSettings, environ)))
    async with AsyncExitStack() as undo:
        world = await undo.enter_async_context(
            job_world(client, storage, [mortal_job(folder)], has_worker=False)
        )
        spec = world.family.queue
        worker = Worker(
            client,
            task_queue=spec.name,
            activities=list(spec.activities),
            interceptors=[Boundaries(folder / "crossed")],
            build_id="mortal",
            max_heartbeat_throttle_interval=timedelta(seconds=0.1),
        )
        await worker.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), os.environ))

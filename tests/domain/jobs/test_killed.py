"""A worker that is killed at each boundary of each activity."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from alga_temporal_domain.jobs.limiter import JobConcurrencyWorkflow
from alga_temporal_domain.jobs.workflow import GenericJobWorkflow
from alga_temporal_domain.queues.spec import JOBS
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from tests.domain.jobs.mortal import mortal_job
from tests.domain.jobs.world import TENANT, JobWorld, job_world

ROOT = Path(__file__).parents[3]
BOUNDARIES = {
    f"{when} {kind}" for when in ("before", "after") for kind in ("askForJobSlot", "mortal")
} | {"before closedJobs", "after closedJobs"}


async def _keep_alive(folder: Path, environ: dict[str, str], deaths: list[int]) -> None:
    """Start the process again whenever it has killed itself."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.domain.jobs.mortal",
            str(folder),
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert status == -signal.SIGKILL
        deaths.append(status)


async def test_a_job_outlives_a_kill_at_each_boundary(
    job_client: Client, job_storage: DomainStorage, job_environ: dict[str, str], tmp_path: Path
) -> None:
    """Killed before and after each activity, with a concurrency key: the job is done, its effect is
    there once, its row is true, and the slot is free for the next one."""
    deaths: list[int] = []
    workflows = Worker(
        job_client,
        task_queue=JOBS,
        workflows=[GenericJobWorkflow, JobConcurrencyWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        build_id="test",
    )
    async with (
        workflows,
        job_world(job_client, job_storage, [mortal_job(tmp_path)], has_worker=False) as world,
    ):
        keeping = asyncio.create_task(_keep_alive(tmp_path, job_environ, deaths))
        try:
            await _both_are_done(world, tmp_path)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    crossed = (tmp_path / "crossed").read_text(encoding="utf-8").splitlines()
    assert set(crossed) == BOUNDARIES
    assert len(deaths) == len(BOUNDARIES)


async def _both_are_done(world: JobWorld, folder: Path) -> None:
    jobs = [await world.enqueue("mortal", {"number": number}) for number in (1, 2)]
    rows = [await world.ended(job.id, seconds=90.0) for job in jobs]
    for number, row in enumerate(rows, start=1):
        assert row.state == "SUCCEEDED"
        assert await world.agrees(row)
        effect = (folder / f"{row.id}.effect").read_text(encoding="utf-8")
        assert effect == str(number)
    calls = [await world.family.desk.result(TENANT, row.id) for row in rows]
    assert sum(calls) > len(calls)

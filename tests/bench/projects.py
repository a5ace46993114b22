"""What project workers cost: `temporal-worker` as a process, asked over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from alga_temporal_domain.projects.bundles import Bundle, Limits
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.reading import manifest_of
from alga_workflows_core.infra.supervisor import exit_process
from tests.bench.figures import Figure, as_json, as_table
from tests.bench.processes import cpu_seconds, proportional_bytes
from tests.domain.process.conftest import launched
from tests.services.command import Command
from tests.services.processes import descendants
from tests.services.servers import Servers

ROUNDS = 10
PROJECTS = 40
HEALTH_REQUESTS = 500
ACTIVITIES = 50
IDLE_SECONDS = 20.0

FILES = {
    "workflows.py": f'''"""A workflow that does next to nothing, often."""

from datetime import timedelta

from temporalio import workflow


@workflow.defn(name="many")
class Many:
    @workflow.run
    async def run(self) -> str:
        data = "x"
        for _ in range({ACTIVITIES}):
            data = await workflow.execute_activity(
                "transformData",
                {{"data": data, "transformation": "reverse"}},
                start_to_close_timeout=timedelta(seconds=10),
            )
        return data
''',
}


class Service:
    """A `temporal-worker` and a client of it."""

    def __init__(self, command: Command, http: httpx.AsyncClient) -> None:
        self.command = command
        self._http = http

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's body, which has to be one of success."""
        answer = await self._http.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def project(self, name: str) -> str:
        """A project with active code, not started."""
        project = (await self.ask("POST", "/v1/projects", {"name": name}))["id"]
        bundles = f"/v1/projects/{project}/bundles"
        published = await self.ask("POST", bundles, {"files": FILES})
        await self.ask("POST", f"{bundles}/{published['hash']}/activate", {})
        return project

    async def worker(self, what: str, project: str) -> None:
        """start, stop or restart it by the documented route, which answers when it is done."""
        await self.ask("POST", f"/workers/{what}", {"projectId": project})

    def workers(self) -> set[int]:
        """The ids of projects' processes: the forkserver's children."""
        return {
            below.pid for child in descendants(self.command.pid) for below in descendants(child.pid)
        }


async def measure() -> list[Figure]:
    """All figures, on a PostgreSQL, a Temporal and a service of their own."""
    load = await _load_ms()
    with tempfile.TemporaryDirectory(prefix="alga-bench-") as name:
        servers = Servers(Path(name))
        command: Command | None = None
        try:
            await servers.start()
            environ = {
                "DATABASE_URL": servers.database_url,
                "TEMPORAL_ADDRESS": servers.temporal_address,
                "WORKER_SERVICE_PORT": "0",
                "WORKFLOW_DEV_DIR": name,
            }
            command = await Command.start("dev", module="temporal_worker", environ=environ)
            async with httpx.AsyncClient(
                base_url=await command.url(), timeout=60, trust_env=False
            ) as http:
                service = Service(command, http)
                return [load, *await _of_one(service), *await _of_many(service)]
        finally:
            if command is not None:
                command.terminate()
                await command.ended()
            await servers.stop()


async def _load_ms() -> Figure:
    """In a process of its own, as a worker does before it polls."""
    bundle = Bundle(manifest=manifest_of(FILES, Limits(), None), files=FILES)
    async with launched(Launcher()) as launcher:
        taken = [(await launcher.check(bundle)).load_seconds for _ in range(ROUNDS)]
    value = statistics.median(taken) * 1000
    return Figure(name="code load", value=value, unit="ms", limit=30, former=250)


async def _of_one(service: Service) -> list[Figure]:
    projects = [await service.project(f"start-{number}") for number in range(ROUNDS)]
    starts = [await _seconds(service.worker("start", project)) for project in projects]
    runs = f"/v1/projects/{projects[0]}/workflows/many/runs"
    each = [
        await _seconds(service.ask("POST", runs, {"wait": 60})) / ACTIVITIES for _ in range(ROUNDS)
    ]
    return [
        Figure(name="worker start", value=statistics.median(starts), unit="s", limit=0.5, former=5),
        Figure(
            name="activity overhead",
            value=statistics.median(each) * 1000,
            unit="ms",
            limit=20,
            former=100,
        ),
    ]


async def _of_many(service: Service) -> list[Figure]:
    projects = [await service.project(f"many-{number}") for number in range(PROJECTS)]
    before = service.workers()
    began = perf_counter()
    await asyncio.gather(*(service.worker("start", project) for project in projects))
    all_polling = perf_counter() - began
    workers = service.workers() - before
    assert len(workers) == PROJECTS, f"{len(workers)} processes for {PROJECTS} projects"
    # What starting has left to do is no figure of idle workers.
    await asyncio.sleep(IDLE_SECONDS / 4)
    worked, began = cpu_seconds(workers), perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (cpu_seconds(workers) - worked) / (perf_counter() - began)
    memory = statistics.median(map(proportional_bytes, workers))
    health = sorted([await _seconds(service.ask("GET", "/health")) for _ in range(HEALTH_REQUESTS)])
    return [
        Figure(name=f"{PROJECTS} projects polling", value=all_polling, unit="s", limit=5),
        Figure(
            name="memory of a further worker", value=memory / 1e6, unit="MB", limit=20, former=150
        ),
        Figure(
            name=f"idle CPU of {PROJECTS} workers",
            value=idle * 100,
            unit="%",
            limit=10,
            former=5 * PROJECTS,
        ),
        Figure(
            name="health answer, 95th percentile",
            value=health[math.ceil(0.95 * len(health)) - 1] * 1000,
            unit="ms",
            limit=3,
            former=10,
        ),
    ]


async def _seconds(work: Awaitable[Any]) -> float:
    began = perf_counter()
    await work
    return perf_counter() - began


async def _main(*, with_json: bool) -> int:
    figures = await measure()
    sys.stdout.write((as_json if with_json else as_table)(figures) + "\n")
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What project workers cost.")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    chosen = parser.parse_args()
    exit_process(asyncio.run(_main(with_json=chosen.json)))

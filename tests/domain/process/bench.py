"""What projects' processes cost: start, memory, idle processor time.

    python -m tests.domain.process.bench

starts a Temporal of its own and prints the figures as a table and as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from temporalio.client import Client

from alga_temporal_domain.projects.process.launcher import Launcher
from alga_workflows_core.infra.devstack import temporal_cli
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
)
from alga_workflows_core.infra.metrics import temporal_runtime
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.infra.temporal import connect
from tests.domain.process.conftest import Project, bundle, launched

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one run. Times in seconds, memory in MiB, processor time in percent of one core."""

    start_median: float
    start_slowest: float
    load_ms_median: float
    all_polling: float
    memory_each: float
    """Proportional share of one process among all of them."""
    memory_unique_each: float
    idle_cpu_all: float
    stop_all: float


async def measure(launcher: Launcher, client: Client, *, projects: int = 40) -> Figures:
    """Start ten processes in turn, then `projects` at once, and leave these idle for five seconds.

    Memory is the kernel's proportional set size, which needs the processes' own user or root.
    """
    starts: list[float] = []
    loads: list[float] = []
    for _ in range(10):
        began = time.monotonic()
        child = await Project(launcher, client).start()
        starts.append(time.monotonic() - began)
        loads.append((await child.ready(1)).load_ms)
        child.kill()
        await child.ended()
    async with AsyncExitStack() as stack:
        many = [Project(launcher, client) for _ in range(projects)]
        for project in many:
            stack.push_async_callback(project.close)
        began = time.monotonic()
        children = await asyncio.gather(*(project.start(bundle()) for project in many))
        all_polling = time.monotonic() - began
        await asyncio.sleep(3)
        pids = [child.pid for child in children]
        memory = await asyncio.to_thread(lambda: [_memory(pid) for pid in pids])
        spent, began = _processor_seconds(pids), time.monotonic()
        await asyncio.sleep(5)
        idle = (_processor_seconds(pids) - spent) / (time.monotonic() - began) * 100
        began = time.monotonic()
        for child in children:
            child.stop()
        await asyncio.gather(*(child.ended() for child in children))
        stop_all = time.monotonic() - began
    return Figures(
        start_median=statistics.median(starts),
        start_slowest=max(starts),
        load_ms_median=statistics.median(loads),
        all_polling=all_polling,
        memory_each=statistics.mean(pss for pss, _ in memory),
        memory_unique_each=statistics.mean(unique for _, unique in memory),
        idle_cpu_all=idle,
        stop_all=stop_all,
    )


def _memory(pid: int) -> tuple[float, float]:
    """Proportional and unique MiB of a process."""
    sizes: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]:
        name, value, _unit = line.split()
        sizes[name.rstrip(":")] = int(value) / 1024
    return sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


def _processor_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


async def main() -> None:
    """Measure once on servers of its own and print."""
    with tempfile.TemporaryDirectory() as folder:
        server = await TemporalServer.start(
            await temporal_cli.find(lambda _text: None),
            TemporalServerOptions(),
            log_file=Path(folder) / "temporal.log",
        )
        try:
            client = await connect(
                TemporalSettings(address=server.address), runtime=temporal_runtime().runtime
            )
            async with launched(Launcher()) as launcher:
                figures = asdict(await measure(launcher, client))
        finally:
            await server.stop()
    for name, value in figures.items():
        sys.stdout.write(f"{name.replace('_', ' '):22}{value:10.3f}\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    asyncio.run(main())

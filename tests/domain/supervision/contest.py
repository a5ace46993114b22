"""Supervisors in processes of their own contend for slots; some are paused or killed.

The judge reads what each project's process has left behind: when it lived, in which epoch.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from tests.domain.supervision.sleepers import end
from tests.domain.supervision.world import bundle, project

Slot = tuple[str, str, str]


@dataclass(slots=True)
class Found:
    """What the traces tell. `successions`: how often another epoch polled than had before;
    `wrong`: overlaps, slots that nobody took over in time, and such."""

    projects: int = 0
    tenures: int = 0
    successions: int = 0
    killed_children: int = 0
    longest_take_over: float = 0.0
    wrong: list[str] = field(default_factory=list[str])


def tenures(folder: Path) -> dict[Slot, list[tuple[int, float, float]]]:
    """Per slot its (epoch, begin, end), from when processes said that they lived."""
    found: dict[Slot, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in folder.iterdir():
        parts = path.name.split(".")
        # The last line may be half written.
        lived = [float(line) for line in path.read_text().split("\n")[:-1]]
        if lived:
            project_id, bundle_hash, number, epoch = parts[:4]
            found[(project_id, bundle_hash, number)][int(epoch)] += lived
    return {
        slot: [(epoch, min(times), max(times)) for epoch, times in sorted(epochs.items())]
        for slot, epochs in found.items()
    }


@asynccontextmanager
async def supervisors(
    count: int, environ: dict[str, str], folder: Path, ttl: float
) -> AsyncGenerator[list[asyncio.subprocess.Process]]:
    """So many of them at work; none is left behind."""
    module = "tests.domain.supervision.supervising"
    environ = {**os.environ, **environ}
    begun: list[asyncio.subprocess.Process] = []
    with folder.with_suffix(".log").open("wb") as log:
        try:
            for _ in range(count):
                begun.append(  # noqa: PERF401 - what was begun has to be ended
                    await asyncio.create_subprocess_exec(
                        sys.executable,
                        "-m",
                        module,
                        str(folder),
                        str(ttl),
                        env=environ,
                        stdout=log,
                        stderr=log,
                    )
                )
            yield begun
        finally:
            for process in begun:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
                    process.kill()
                await process.wait()


async def contend(
    storage: DomainStorage,
    database_url: str,
    folder: Path,
    chance: random.Random,
    *,
    projects: int,
    seconds: float,
    ttl: float,
) -> Found:
    """Three supervisors: one is paused for longer than its leases and goes on, one is killed;
    and processes are killed at random."""
    found = Found(projects=projects)
    await asyncio.to_thread(folder.mkdir)
    wanted = {await project(storage, bundle("good")) for _ in range(projects)}
    async with supervisors(3, {"DATABASE_URL": database_url}, folder, ttl) as (
        first,
        second,
        _third,
    ):
        await _all_live(folder, wanted, seconds=20.0)
        killing = asyncio.create_task(kill_children(storage, chance, found))
        try:
            first.send_signal(signal.SIGSTOP)
            paused = time.monotonic()
            await _all_live(folder, wanted, since=paused + ttl, seconds=2 * ttl + 5)
            first.send_signal(signal.SIGCONT)
            await asyncio.sleep(seconds / 4)
            second.kill()
            killed = time.monotonic()
            await _all_live(folder, wanted, since=killed + ttl, seconds=2 * ttl + 5)
            await asyncio.sleep(seconds / 4)
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        await _all_live(folder, wanted, since=time.monotonic(), seconds=4 * ttl + 10)
    _judge(tenures(folder), found)
    return found


def _judge(slots: dict[Slot, list[tuple[int, float, float]]], found: Found) -> None:
    for slot, epochs in slots.items():
        found.tenures += len(epochs)
        for (epoch, _, until), (later, since, _) in pairwise(epochs):
            found.longest_take_over = max(found.longest_take_over, since - until)
            if since <= until:
                found.wrong.append(f"{slot}: epoch {epoch} lived {until - since:.3f} s in {later}")


async def _all_live(
    folder: Path, projects: set[UUID], *, seconds: float, since: float | None = None
) -> None:
    """Until each project has a process that lives (since a moment)."""
    begun = time.monotonic() if since is None else since
    deadline = time.monotonic() + seconds + max(0.0, begun - time.monotonic())
    while True:
        alive = {
            UUID(slot[0]) for slot, epochs in tenures(folder).items() if epochs[-1][2] >= begun
        }
        if alive >= projects:
            return
        missing = len(projects - alive)
        assert time.monotonic() < deadline, f"{missing} projects have no process"
        await asyncio.sleep(0.2)


async def kill_children(storage: DomainStorage, chance: random.Random, found: Found) -> None:
    """One at random, now and then."""
    while True:
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        with contextlib.suppress(Exception):  # PostgreSQL may be away at this moment
            pids = await _live_pids(storage)
            if pids:
                end(chance.choice(pids))
                found.killed_children += 1


async def _live_pids(storage: DomainStorage) -> list[int]:
    async with storage.transaction("t") as connection:
        rows = await connection.exec_driver_sql(
            "SELECT pid FROM worker_instances WHERE state = 'ready' ORDER BY id"
        )
        return [row.pid for row in rows]

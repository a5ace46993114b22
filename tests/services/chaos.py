"""The long forms, as `scripts/chaos` runs them: each on servers of its own, one after the other."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
import structlog
from temporalio.client import Client

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import TemporalTelemetry, temporal_runtime
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.supervisor import exit_process
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.workflow import RunWorkflow
from tests.core.events.four_processes import interleave
from tests.core.schedules.many import converge
from tests.domain.supervision.chaos import survive
from tests.durable.definitions import acting_turns, pure_result, pure_steps
from tests.durable.world import World, check_executions
from tests.services.command import Command, client, eventually, running
from tests.services.failing_target import all_arrived, told_to_a_failing_one
from tests.services.identical_starts import one_run
from tests.services.ingress_killed import nothing_lost, told_to_both
from tests.services.killing import MODULE, SIDES, run_killed
from tests.services.outages import finish_in_spite_of
from tests.services.processes import resident_bytes
from tests.services.servers import Servers
from tests.services.slots_killed import limits, occupied

PURE_STEPS = 100_000
ACTING_TURNS = 1_000
ACTIVITIES = 25
PATIENCE = 900.0
MOST_GROWTH = 1.5
KILLS_OF_A_RUN = 10
OUTAGE_SECONDS = 30.0
SLOT_RUNS = 30
SLOT_KILLS = 30
INTERLEAVINGS = 10_000
EVENTS = 5_000
STARTS = 1_000
INGRESS_EVENTS = 500
INGRESS_KILLS = 40
SCHEDULES = 2_000
MOST_SECONDS = 60.0
PROJECTS = 20
PROJECTS_SECONDS = 120.0
PROJECTS_TAKE_OVER = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Servers of one scenario, and a client of its Temporal."""

    servers: Servers
    temporal: Client
    environ: dict[str, str]
    folder: Path
    chance: random.Random


async def pure(place: Place) -> str:
    """100,000 pure steps, with a SIGKILL in the middle."""
    document = pure_steps("pure", PURE_STEPS)
    began = perf_counter()
    async with _chaos_worker(place) as (first, world):
        run_id = await world.start(document)

        async def is_in_the_middle() -> bool:
            return await _steps_written(place) > PURE_STEPS // 3

        await eventually(is_in_the_middle, "a third of the steps", seconds=PATIENCE)
        first.kill()
        await first.ended()
    async with _chaos_worker(place) as (second, world):
        sizes: list[int] = []

        async def look() -> bool:
            sizes.append(resident_bytes(second.pid))
            return (await world.row(run_id))["status"] == "SUCCEEDED"

        await eventually(look, "the run ended", seconds=PATIENCE)
        seconds = perf_counter() - began
        row = await world.ended(run_id)
        assert row["result"] == pure_result(PURE_STEPS)
        assert len(await world.steps(run_id)) == PURE_STEPS + 3
        executions = await world.executions(run_id)
    return await _figures(executions, sizes, f"{PURE_STEPS / seconds:.0f} steps/s")


async def turns(place: Place) -> str:
    """1,000 turns of a local and a remote action."""
    began = perf_counter()
    async with _chaos_worker(place) as (worker, world):
        run_id = await world.start(acting_turns("acting", ACTING_TURNS))
        sizes: list[int] = []

        async def look() -> bool:
            sizes.append(resident_bytes(worker.pid))
            return (await world.row(run_id))["status"] == "SUCCEEDED"

        await eventually(look, "the run ended", seconds=PATIENCE)
        seconds = perf_counter() - began
        row = await world.ended(run_id)
        assert row["result"] == sum(range(1, ACTING_TURNS + 1))
        executions = await world.executions(run_id)
    return await _figures(executions, sizes, f"{2 * ACTING_TURNS / seconds:.0f} actions/s")


async def kills(place: Place) -> str:
    """A SIGKILL before and after each activity, ten of them in each of five runs.

    No more in one: behind ten workflow tasks in a row that were lost, Temporal waits for minutes
    before it gives the next one to anybody.
    """
    points = [(number, side) for number in range(ACTIVITIES) for side in SIDES]
    place.chance.shuffle(points)
    count = 0
    for begin in range(0, len(points), KILLS_OF_A_RUN):
        folder = place.folder / f"kills-{begin}"
        folder.mkdir()
        chosen = points[begin : begin + KILLS_OF_A_RUN]
        key = f"run {begin}"
        killed = await run_killed(place.environ, place.temporal, folder, chosen, key=key)
        killed.check()
        assert killed.kills == len(chosen)
        count += killed.kills
    return f"{count} kills in {len(points) // KILLS_OF_A_RUN} runs, none lost, none doubled"


async def outages(place: Place) -> str:
    """PostgreSQL away for half a minute in the middle of runs, then Temporal."""
    environ = {**place.environ, "WORKFLOW_HTTP_ALLOW": "127.0.0.0/8"}
    for what in ("postgresql", "temporal"):
        await finish_in_spite_of(place.servers, environ, place.folder, what, OUTAGE_SECONDS)
    return f"each server away for {OUTAGE_SECONDS:g} s, all runs finished with all rows"


async def slots(place: Place) -> str:
    """Sixty runs of definitions with limits and children, and a SIGKILL every few seconds."""
    found = await occupied(
        place.environ, place.folder, place.chance, runs=SLOT_RUNS, kills=SLOT_KILLS
    )
    limits(found)
    assert found.children.total() == 4 * SLOT_RUNS
    return (
        f"{found.runs.total()} runs, {found.children.total()} children, {found.kills} kills: no "
        "limit crossed, nobody overtaken, no slot left"
    )


async def inbox(place: Place) -> str:
    """Random interleavings in four processes, with a model as judge."""
    seed = place.chance.randrange(10**6)
    found = await interleave(place.servers.database_url, seed, INTERLEAVINGS)
    said = "\n".join(found.wrong[:20])
    assert not found.wrong, f"ALGA_INBOX_SEED={seed}, {len(found.wrong)} findings:\n{said}"
    return (
        f"ALGA_INBOX_SEED={seed}: {INTERLEAVINGS} interleavings, {found.events} events, "
        f"{found.crashes} crashes, waits {dict(sorted(found.ends.items()))}, no findings"
    )


async def events(place: Place) -> str:
    """5,000 events for a definition that starts, and for one that never does."""
    began = perf_counter()
    async with _chaos_worker(place) as (_, world):
        found = await told_to_a_failing_one(world.api, EVENTS)
    all_arrived(found, EVENTS)
    rate = EVENTS / (perf_counter() - began)
    return f"{EVENTS} events ({rate:.0f}/s): all arrived, {EVENTS} dead for the other, explained"


async def ingress(place: Place) -> str:
    """Events told to two workers, either of which is killed every few seconds."""
    environ = {**place.environ, "CHAOS_FOLDER": str(place.folder)}
    found = await told_to_both(environ, place.chance, count=INGRESS_EVENTS, kills=INGRESS_KILLS)
    nothing_lost(found, INGRESS_EVENTS)
    return (
        f"{found.events} events, {found.kills} kills, {found.repeated} requests made again: "
        "none lost, none doubled"
    )


async def starts(place: Place) -> str:
    """One start, asked for a thousand times at once of two workers."""
    found = await one_run({**place.environ, "CHAOS_FOLDER": str(place.folder)}, STARTS)
    assert found.answered == {found.run: STARTS}, found
    return f"{STARTS} identical starts made one run"


async def schedules(place: Place) -> str:
    """Many schedules, kept by two workers; then changes of a third of them."""

    @asynccontextmanager
    async def kept() -> AsyncGenerator[None]:
        async with running(environ=place.environ), running(environ=place.environ):
            yield

    database = Database(load(DatabaseSettings, place.environ))
    try:
        found = await converge(Storage(database), place.temporal, SCHEDULES, kept)
    finally:
        await database.close()
    assert max(found.first, found.then) < MOST_SECONDS, str(found)
    return str(found)


async def projects(place: Place) -> str:
    """Twenty projects, three supervisors; one paused, one killed, PostgreSQL restarted."""
    found = await survive(
        place.servers,
        place.temporal,
        place.folder,
        place.chance,
        projects=PROJECTS,
        seconds=PROJECTS_SECONDS,
    )
    assert not found.wrong, "\n".join(found.wrong[:20])
    assert found.longest_take_over < PROJECTS_TAKE_OVER, str(found)
    assert found.successions > 0
    return (
        f"{found.projects} projects, {found.tenures} tenures, {found.successions} seen to follow "
        f"another by their polls, {found.killed_children} processes killed, taken over in "
        f"{found.longest_take_over:.1f} s: none owned twice, none lost"
    )


SCENARIOS: dict[str, Callable[[Place], Awaitable[str]]] = {
    "pure steps": pure,
    "turns": turns,
    "kills": kills,
    "outages": outages,
    "slots": slots,
    "inbox": inbox,
    "events": events,
    "ingress": ingress,
    "starts": starts,
    "schedules": schedules,
    "projects": projects,
}


async def _figures(executions: list[Any], sizes: list[int], speed: str) -> str:
    replays = await check_executions(executions, RunWorkflow)
    settled = sizes[len(sizes) // 4 :] or sizes
    growth = max(settled) / settled[0]
    assert growth < MOST_GROWTH, sizes
    return (
        f"{speed}, {len(executions)} executions, "
        f"{max(execution.events for execution in executions)} events at most, "
        f"replay {max(replays):.2f} s at most, {max(sizes) >> 20} MiB, grown by {growth - 1:.0%}"
    )


async def _steps_written(place: Place) -> int:
    async with await psycopg.AsyncConnection.connect(place.servers.database_url) as connection:
        found = await connection.execute("SELECT count(*) FROM workflow_run_steps")
        row = await found.fetchone()
    return 0 if row is None else row[0]


@asynccontextmanager
async def _chaos_worker(place: Place) -> AsyncGenerator[tuple[Command, World]]:
    environ = {**place.environ, "CHAOS_FOLDER": str(place.folder)}
    async with (
        running(environ=environ, module=MODULE) as command,
        client(f"{await command.url()}/api/v1") as api,
    ):
        yield command, World(api, place.temporal)


async def _main(seconds: float, seed: int, only: str | None) -> int:
    began, failed = perf_counter(), 0
    telemetry = temporal_runtime()
    for name, scenario in SCENARIOS.items():
        if only not in {None, name}:
            continue
        if perf_counter() - began > seconds:
            _say(f"{name:<12} not begun: {seconds:g} s are over")
            continue
        started = perf_counter()
        try:
            found = await _alone(scenario, telemetry, random.Random(seed))  # noqa: S311 - repeatable
        except AssertionError as error:
            failed += 1
            found = f"FAILED: {error}"
        _say(f"{name:<12} {perf_counter() - started:6.0f} s  {found}")
    _say(f"seed {seed}")
    return 1 if failed else 0


async def _alone(
    scenario: Callable[[Place], Awaitable[str]], telemetry: TemporalTelemetry, chance: random.Random
) -> str:
    with tempfile.TemporaryDirectory(prefix="alga-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        servers = Servers(folder)
        try:
            await servers.start()
            temporal = await connect(
                TemporalSettings(address=servers.temporal_address), runtime=telemetry.runtime
            )
            environ = {
                "DATABASE_URL": servers.database_url,
                "TEMPORAL_ADDRESS": servers.temporal_address,
                "PORT": "0",
                "WORKFLOW_START_TIMEOUT": "20",
            }
            return await scenario(Place(servers, temporal, environ, folder, chance))
        finally:
            await servers.stop()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Long runs, kills and outages.")
    parser.add_argument("--seconds", type=float, default=1800.0, help="begin nothing after so long")
    parser.add_argument("--only", choices=sorted(SCENARIOS), help="this one alone")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    exit_process(asyncio.run(_main(chosen.seconds, chosen.seed, chosen.only)))

"""Two services on real servers: who serves, who keeps schedules, and what probes say."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client, WorkflowFailureError

from alga_temporal_domain.payloads.settings import PayloadSettings
from alga_temporal_domain.queues.pollers import pollers
from alga_temporal_domain.queues.polling import Polling, QueueService
from alga_temporal_domain.queues.probing import DeepProbe
from alga_temporal_domain.queues.readiness import READINESS_WORKFLOW
from alga_temporal_domain.queues.spec import JOBS
from alga_temporal_domain.queues.table import QueueTable
from alga_temporal_domain.queues.watching import PollWatch
from alga_temporal_domain.storage.schema import SCHEMA
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.supervisor import Backoff, Supervisor
from alga_workflows_core.infra.temporal import connect
from tests.domain.queues.tiny import QUEUES, SECRET, Person
from tests.domain.service.running import PAYLOAD_KEYS
from tests.services.command import Command, eventually
from tests.services.servers import Servers


@dataclass(frozen=True, slots=True)
class Replica:
    """A service in a process of its own."""

    command: Command
    http: httpx.AsyncClient

    async def ready(self, query: str = "") -> tuple[int, dict[str, bool]]:
        """The status of `/readyz`, and its checks."""
        answer = await self.http.get(f"/readyz{query}")
        return answer.status_code, answer.json()["checks"]

    async def queues(self) -> dict[str, dict[str, Any]]:
        """What the API says of each queue."""
        return {each["name"]: each for each in (await self.http.get("/v1/queues")).json()["items"]}

    async def becomes(self, status: int, *missing: str) -> dict[str, bool]:
        """The checks of `/readyz` as soon as it has this status and these checks fail."""

        async def look() -> dict[str, bool] | None:
            found, checks = await self.ready()
            fits = found == status and not any(checks[name] for name in missing)
            return checks if fits else None

        return await eventually(look, f"/readyz answers {status}\n{self.command.output[-3000:]}")


@asynccontextmanager
async def replica(environ: dict[str, str], schedules: str) -> AsyncGenerator[Replica]:
    """One that is ended with the block."""
    command = await Command.start(
        module="tests.domain.queues.tiny",
        environ={**environ, "WORKER_SERVICE_PORT": "0", "TINY_SCHEDULES": schedules},
    )
    try:
        url = await command.url()
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            yield Replica(command, http)
    finally:
        await command.close()


async def test_two_replicas(temporal_telemetry: TemporalTelemetry) -> None:
    """Both serve; one keeps the schedules, and the other one takes over when it is killed; what
    Temporal's restart does shows, and passes."""
    with tempfile.TemporaryDirectory(prefix="alga-test-", ignore_cleanup_errors=True) as name:
        servers = Servers(Path(name))
        try:
            await servers.start()
            await _migrate(servers.database_url)
            environ = {
                "DATABASE_URL": servers.database_url,
                "TEMPORAL_ADDRESS": servers.temporal_address,
                "TEMPORAL_PAYLOAD_KEYS": PAYLOAD_KEYS,
                "TEMPORAL_TASK_QUEUES": "portal-domain-workflows",
                "WORKFLOW_BUILD_ID": "b7",
            }
            temporal = await connect(
                TemporalSettings(address=servers.temporal_address),
                runtime=temporal_telemetry.runtime,
                timeout=20,
            )
            async with replica(environ, "a,b") as first:
                await _serves(first)
                await first.command.logged("election.won")
                await first.command.logged("schedule.created", schedule="alga-domain:tiny:b")
                async with replica(environ, "a,b,c") as second:
                    await _both_serve(second, temporal)
                    await servers.stop_temporal()
                    await second.becomes(503, "temporal", "polls alga-jobs", "polls sla-workflows")
                    assert (await second.http.get("/livez")).status_code == 200
                    await servers.start_temporal()
                    await asyncio.gather(first.becomes(200), second.becomes(200))
                    assert not second.command.actions("election.won")
                    assert _created(first) == {"alga-domain:tiny:a", "alga-domain:tiny:b"}
                    first.command.kill()
                    await _takes_over(second)
        finally:
            await servers.stop()


async def _serves(one: Replica) -> None:
    """What is told of the queues, and how deep a probe goes."""
    line = await one.command.logged("queue.polling", queue=JOBS)
    assert {"namespace", "address", "identity", "build_id"} <= set(line)
    assert line["build_id"] == "b7"
    assert one.command.actions("queue.unserved", queue="portal-domain-workflows")
    assert not one.command.actions("queue.polling", queue="portal-domain-workflows")
    assert one.command.actions("queue.authored", owner="workflow-worker")
    queues = await one.queues()
    jobs, portal = queues[JOBS], queues["portal-domain-workflows"]
    assert (jobs["served"], jobs["polled"]) == (True, True)
    assert jobs["workflows"] == ["readinessWorkflow", "tinyWorkflow"]
    assert jobs["activities"] == ["tinyGreet"]
    assert jobs["limits"] == {"activities": 100, "workflowTasks": 40}
    assert jobs["identity"] == line["identity"]
    assert jobs["lastPoll"] is not None
    assert {each["kind"] for each in jobs["pollers"]} == {"workflow", "activity"}
    assert (portal["served"], portal["polled"], portal["pollers"]) == (False, False, [])
    status, checks = await one.ready("?deep=1")
    assert status == 200, checks
    assert checks["answers alga-jobs"]
    assert checks["answers sla-workflows"]


async def _both_serve(second: Replica, temporal: Client) -> None:
    domain = load(PayloadSettings, {"TEMPORAL_PAYLOAD_KEYS": PAYLOAD_KEYS}).client(temporal)
    greeted = await asyncio.gather(
        *(
            domain.execute_workflow(
                "tinyWorkflow",
                Person(mail=SECRET),
                id=f"tiny-{number}",
                task_queue=JOBS,
                result_type=str,
            )
            for number in range(4)
        )
    )
    assert greeted == [f"hello {SECRET}"] * 4
    assert len({each["identity"] for each in (await second.queues())[JOBS]["pollers"]}) == 2
    with pytest.raises(WorkflowFailureError) as caught:
        # Nobody is there, and nothing waits for ever: whoever starts says for how long.
        await _unserved(domain)
    assert "timed out" in str(caught.value.cause).lower()


async def _unserved(domain: Client) -> Any:
    return await domain.execute_workflow(
        READINESS_WORKFLOW,
        id="nobody",
        task_queue="portal-domain-workflows",
        execution_timeout=timedelta(seconds=1),
    )


async def _takes_over(second: Replica) -> None:
    await second.command.logged("election.won")
    await second.command.logged("schedule.created", schedule="alga-domain:tiny:c")
    # What was there was not touched: nothing of it had changed.
    assert _created(second) == {"alga-domain:tiny:c"}
    assert not second.command.actions("schedule.updated")
    second.command.terminate()
    assert await second.command.ended() == 0


def _created(one: Replica) -> set[str]:
    """The schedules of the test that this process has made, each once."""
    made = [line["schedule"] for line in one.command.actions("schedule.created")]
    assert len(set(made)) == len(made)
    return {each for each in made if each.startswith("alga-domain:tiny:")}


async def test_schedules_that_cannot_be_make_it_unready(
    service_environ: dict[str, str],
) -> None:
    """The reason is told to whoever has a key; the queues are served all the same."""
    async with replica(service_environ, "a,broken") as one:
        checks = await one.becomes(503)
        assert {name for name, ok in checks.items() if not ok} == {"schedules"}
        told = (await one.http.get("/v1/health")).json()["checks"]["schedules"]["error"]
        assert "alga-domain:tiny:broken" in told


async def test_a_queue_that_is_not_polled_is_seen(temporal_client: Client) -> None:
    """Not ready at once; not alive when the server has answered for long and never saw a poll. A
    server that does not answer is no reason to end the process."""
    watch = PollWatch(temporal_client, JOBS, longest_silence=0.3)
    watch.begin("somebody")
    assert await pollers(temporal_client, JOBS) == []
    with pytest.raises(UnavailableError, match=r"alga-jobs.*no young poll"):
        await watch.probe()
    assert watch.is_alive()

    async def given_up() -> bool:
        with pytest.raises(UnavailableError):
            await watch.probe()
        return not watch.is_alive()

    await eventually(given_up, "it is given up")


async def test_a_deep_probe_does_not_wait_for_ever(temporal_client: Client) -> None:
    """A queue that nobody serves has not answered; however many ask, one run is started."""
    probe = DeepProbe(temporal_client, [JOBS], wait=0.5)
    found = await asyncio.gather(*(probe.look() for _ in range(3)))
    assert found == [{"answers alga-jobs": False}] * 3

    async def started() -> int:
        return (await temporal_client.count_workflows(f"TaskQueue = '{JOBS}'")).count

    assert await eventually(started, "the run is listed") == 1


async def test_a_worker_that_fails_is_replaced(temporal_client: Client) -> None:
    """The supervisor hears of what the SDK's worker failed by, and the next worker serves."""
    stop = asyncio.Event()
    watch = PollWatch(temporal_client, JOBS, longest_silence=90)
    polling = Polling(
        client=temporal_client, build_id="t", grace=timedelta(seconds=1), stopping=stop
    )
    (spec,) = QueueTable.of(QUEUES).polled((JOBS,))
    service = QueueService(spec, polling, watch)
    states: list[tuple[bool, str | None]] = []

    def listen(name: str, up: bool, error: str | None = None) -> None:
        states.append((up, error))

    supervisor = Supervisor([service], stop_timeout=5, on_state=listen, backoff=Backoff(first=0.05))
    running = asyncio.create_task(supervisor.run(stop))
    try:

        async def is_up() -> bool:
            return states[-1][0] if states else False

        await eventually(is_up, "it polls")
        first = watch.identity
        # As when the SDK gives up: the task of the worker's run ends with an error.
        (work,) = (task for task in asyncio.all_tasks() if task.get_name() == "run queue alga-jobs")
        work.cancel()

        async def is_replaced() -> bool:
            return await is_up() and watch.identity != first

        await eventually(is_replaced, "another worker polls")
        assert await DeepProbe(temporal_client, [JOBS], wait=10).look() == {
            "answers alga-jobs": True
        }
    finally:
        stop.set()
        await running


async def _migrate(url: str) -> None:
    database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
    try:
        await SCHEMA.migrate(database)
    finally:
        await database.close()

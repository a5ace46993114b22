"""A worker that loses a server says so, recovers by itself, and loses no run."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx
import pytest_asyncio

from tests.services.command import Command, client, eventually, running
from tests.services.definitions import (
    CALL_STEPS,
    closed_run,
    publish_call,
    start_call,
    steps_of,
)
from tests.services.gate import ANSWER, Gate
from tests.services.servers import Servers


@pytest_asyncio.fixture
async def worker(servers_environ: dict[str, str]) -> AsyncGenerator[Command]:
    """A worker on servers that the test may stop."""
    async with running(environ=servers_environ) as command:
        await command.url()
        yield command


@pytest_asyncio.fixture
async def api(worker: Command, servers_key: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A client with a key, and the definition `call` published."""
    async with client(await worker.url(), servers_key) as opened:
        await publish_call(opened)
        yield opened


async def readiness(api: httpx.AsyncClient, status: int) -> dict[str, bool]:
    """The checks of /readyz, as soon as that answers `status`."""

    async def look() -> dict[str, bool] | None:
        answer = await api.get("/readyz")
        return answer.json()["checks"] if answer.status_code == status else None

    return await eventually(look, f"/readyz answers {status}")


def failing(checks: dict[str, bool]) -> set[str]:
    return {name for name, ok in checks.items() if not ok}


async def test_postgresql_goes_away_and_comes_back(
    worker: Command, api: httpx.AsyncClient, servers: Servers, gate: Gate
) -> None:
    """Readiness names it, liveness stays, requests get a 503 problem; a run in the middle of an
    action finishes with all its rows, and new runs work.
    """
    run_id = await start_call(api, gate.url)
    await eventually(gate.was_asked, "the action runs")

    await servers.stop_postgres()
    assert failing(await readiness(api, 503)) == {"postgresql"}
    assert (await api.get("/livez")).status_code == 200
    for refused in (
        await api.get(f"/api/v1/runs/{run_id}"),
        await api.post("/api/v1/definitions/call/runs", json={"payload": {"url": gate.url}}),
    ):
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"]
        assert refused.json()["code"] == "UNAVAILABLE"
        assert refused.json()["detail"] == "PostgreSQL cannot be reached at the moment."
        assert "again" in refused.json()["remedy"]
    gate.open.set()
    await worker.logged("rows.postponed", run_id=run_id)

    await servers.start_postgres()
    assert failing(await readiness(api, 200)) == set()
    closed = await closed_run(api, run_id)
    assert (closed["status"], closed["result"]) == ("SUCCEEDED", ANSWER)
    assert await steps_of(api, run_id) == CALL_STEPS
    assert gate.requests == 1
    again = await closed_run(api, await start_call(api, gate.url))
    assert again["status"] == "SUCCEEDED"
    assert worker.actions("dependency.lost", dependency="postgresql")
    assert worker.actions("dependency.recovered", dependency="postgresql")


async def test_temporal_goes_away_and_comes_back(
    worker: Command, api: httpx.AsyncClient, servers: Servers, gate: Gate
) -> None:
    """Readiness names it, liveness stays; a run that is started meanwhile is accepted and finishes
    when it is back, and so does one that was in the middle of an action.
    """
    running_before = await start_call(api, gate.url)
    await eventually(gate.was_asked, "the action runs")

    await servers.stop_temporal()
    assert failing(await readiness(api, 503)) == {"temporal"}
    assert (await api.get("/livez")).status_code == 200
    started_meanwhile = await start_call(api, gate.url)
    accepted = (await api.get(f"/api/v1/runs/{started_meanwhile}")).json()
    assert accepted["status"] in {"QUEUED", "STARTING"}
    gate.open.set()

    await servers.start_temporal()
    assert failing(await readiness(api, 200)) == set()
    for run_id in (running_before, started_meanwhile):
        closed = await closed_run(api, run_id)
        assert (closed["status"], closed["result"]) == ("SUCCEEDED", ANSWER)
        assert await steps_of(api, run_id) == CALL_STEPS
    assert worker.actions("dependency.lost", dependency="temporal")
    assert worker.actions("dependency.recovered", dependency="temporal")

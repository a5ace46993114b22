"""`dev`: the whole system from one command, and nothing of it left after Ctrl-C."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from alga_workflows_core.infra.devstack.temporal_server import free_port
from tests.services.command import Command, client, eventually, finished, running
from tests.services.processes import alive, descendants, mentioning


@pytest.fixture
def settings(folder: Path) -> dict[str, str]:
    """Settings of `dev` in a folder of this test's own."""
    return {"WORKFLOW_DEV_DIR": str(folder / "dev"), "PORT": str(free_port())}


@pytest_asyncio.fixture
async def dev(settings: dict[str, str]) -> AsyncGenerator[Command]:
    """`dev`, whose sample has run."""
    async with running("dev", environ=settings) as command:
        await sample_has_run(command)
        yield command


async def sample_has_run(dev: Command) -> None:
    """Return when `dev` has said everything that it says to people at its start."""

    async def look() -> bool:
        assert dev.is_running, dev.output
        return any("Ctrl-C stops everything" in line for line in dev.lines)

    await eventually(look, "the sample has run")


async def runs(api: httpx.AsyncClient) -> list[str]:
    answer = await api.get("/api/v1/runs?definition=on-site-visit&status=SUCCEEDED")
    assert answer.status_code == 200, answer.text
    return [run["runId"] for run in answer.json()["items"]]


async def test_ctrl_c_leaves_nothing_and_a_new_start_finds_the_old_runs(
    settings: dict[str, str], folder: Path
) -> None:
    """The sample's timeline is shown; after SIGINT no process, lock or description is left; the
    next start lists the former run, and the sample runs again.
    """
    async with running("dev", environ=settings) as first:
        await sample_has_run(first)
        assert "on-site-visit: SUCCEEDED" in first.output
        assert "visit/booking/engineer" in first.output
        async with client(await first.url()) as api:
            (former,) = await runs(api)
        servers = descendants(first.pid)
        assert len(servers) >= 4, "two servers with their keepers"
        first.interrupt()
        assert await first.ended() == 0
        assert await first.stdout() == ""

        async def all_ended() -> bool:
            return not alive(servers)

        await eventually(all_ended, "no process of it is left")
    assert mentioning(str(folder)) == []
    assert {path.name for path in (folder / "dev").iterdir()} == {
        *("postgres", "postgres.log", "temporal.db", "temporal.log"),
    }
    async with running("dev", environ=settings) as second:
        await sample_has_run(second)
        async with client(await second.url()) as api:
            newest, oldest = await runs(api)
            assert oldest == former != newest
            steps = await api.get(f"/api/v1/runs/{former}/steps")
            assert len(steps.json()["items"]) == 10
        second.interrupt()
        assert await second.ended() == 0


async def test_a_second_dev_does_not_harm_the_first(dev: Command, settings: dict[str, str]) -> None:
    """With the same port it says what is wrong; with another one it uses the first's servers, and
    leaves them running.
    """
    port = settings["PORT"]
    refused = await finished("dev", environ=settings)
    assert refused.code == 1
    assert f"cannot listen on 127.0.0.1:{port}: another program already does" in refused.stderr
    async with running("dev", environ={**settings, "PORT": "0"}) as second:
        await sample_has_run(second)
        assert f"Using the servers of process {dev.pid}" in second.output
        async with client(await second.url()) as api:
            assert len(await runs(api)) == 2
        second.interrupt()
        assert await second.ended() == 0
    async with client(await dev.url()) as api:
        assert (await api.get("/readyz")).status_code == 200
        assert len(await runs(api)) == 2


async def test_without_a_key_only_from_this_machine(dev: Command) -> None:
    """A request that was, or may have been, made for somebody elsewhere needs a key."""
    async with client(await dev.url()) as api:
        port = httpx.URL(await dev.url()).port
        for path in ("/api/v1/runs", "/health", "/metrics"):
            assert (await api.get(path)).status_code == 200
            for name, value in {
                "host": "desk.example",
                "origin": "https://page.example",
                "x-forwarded-for": "192.0.2.7",
                "forwarded": "for=192.0.2.7",
                "via": "1.1 proxy.example",
                "authorization": "Bearer alga_wrong",
            }.items():
                refused = await api.get(path, headers={name: value})
                assert refused.status_code == 401, (path, name)
                assert refused.json()["code"] == "ACCESS_DENIED"
            for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
                own = {"host": host, "origin": f"http://{host}"}
                assert (await api.get(path, headers=own)).status_code == 200

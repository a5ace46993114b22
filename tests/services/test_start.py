"""A worker that cannot start says why, what to do, and exits 1."""

from __future__ import annotations

import asyncio
import socket

import pytest

from alga_workflows_core.infra.devstack.temporal_server import free_port
from alga_workflows_core.testing.databases import TestDatabases
from tests.services.command import Finished, finished, running

SOON = {"WORKFLOW_START_TIMEOUT": "1"}


def unreachable_database(port: int) -> str:
    return f"postgresql://alga:hunter2@127.0.0.1:{port}/alga?sslmode=disable&sslpassword=hunter3"


def assert_failed(result: Finished) -> None:
    """It ended with status 1 and kept standard output clean and passwords to itself."""
    assert result.code == 1, result.stderr
    assert result.stdout == ""
    assert "hunter" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["serve", "dev"])
async def test_wrong_settings_are_named_at_once(command: str) -> None:
    """One message names every variable that is missing or wrong, before anything is started."""
    result = await finished(
        command,
        environ={
            "DATABASE_URL": "mysql://alga:hunter2@127.0.0.1/alga",
            "PORT": "70000",
            "LOG_LEVEL": "loud",
            "LOG_FORMAT": "xml",
            "WORKFLOW_START_TIMEOUT": "soon",
            "WORKFLOW_HTTP_ALLOW": "everywhere",
        },
    )
    assert_failed(result)
    assert len(result.lines) == 1
    for name in (
        *("DATABASE_URL: ", "PORT: ", "LOG_LEVEL: ", "LOG_FORMAT: "),
        *("WORKFLOW_START_TIMEOUT: ", "WORKFLOW_HTTP_ALLOW: "),
    ):
        assert f"- {name}" in result.stderr
    assert "Set them in the environment and start again." in result.stderr


async def test_a_person_reads_the_message_in_lines() -> None:
    """As text, one fault stands on one line."""
    result = await finished(environ={"LOG_FORMAT": "text", "PORT": "70000"})
    assert_failed(result)
    assert result.lines[0] == "workflow-worker: Settings are missing or wrong:"
    assert [line.split(":")[0].strip() for line in result.lines[1:3]] == [
        "- DATABASE_URL",
        "- PORT",
    ]


async def test_servers_that_cannot_be_reached_are_all_named(environ: dict[str, str]) -> None:
    """One or both of PostgreSQL and Temporal, with address and remedy, never the password."""
    port = free_port()
    no_database = {"DATABASE_URL": unreachable_database(port)}
    no_temporal = {"TEMPORAL_ADDRESS": f"127.0.0.1:{port}"}
    neither, without_database, without_temporal = await asyncio.gather(
        finished(environ={**environ, **SOON, **no_database, **no_temporal}),
        finished(environ={**environ, **SOON, **no_database}),
        finished(environ={**environ, **SOON, **no_temporal}),
    )
    database = f"PostgreSQL at postgresql://alga:***@127.0.0.1:{port}/alga"
    temporal = f"Temporal at 127.0.0.1:{port} cannot be reached"
    for result, named, reachable in (
        (neither, [database, temporal], []),
        (without_database, [database], [temporal]),
        (without_temporal, [temporal], ["PostgreSQL"]),
    ):
        assert_failed(result)
        assert len(result.errors) == len(named)
        for expected, said in zip(named, result.errors, strict=True):
            assert said.startswith(expected)
            assert "Check " in said
        assert not any(other in result.stderr for other in reachable)


async def test_what_the_servers_lack_is_named(
    environ: dict[str, str], databases: TestDatabases
) -> None:
    """A namespace that Temporal does not have; a schema that the database does not have."""
    async with databases.empty() as empty:
        no_namespace, no_schema, no_schema_for_keys = await asyncio.gather(
            finished(environ={**environ, **SOON, "TEMPORAL_NAMESPACE": "nowhere"}),
            finished(environ={**environ, "DATABASE_URL": empty}),
            finished("keys", "list", "--tenant", "one", environ={"DATABASE_URL": empty}),
        )
    assert_failed(no_namespace)
    assert len(no_namespace.errors) == 1
    assert "has no namespace 'nowhere'" in no_namespace.errors[0]
    assert environ["TEMPORAL_ADDRESS"] in no_namespace.errors[0]
    for result in (no_schema, no_schema_for_keys):
        assert_failed(result)
        assert len(result.errors) == 1
        assert "schema revision none" in result.errors[0]
        assert "Run `workflow-worker migrate`" in result.errors[0]


async def test_a_port_in_use_is_named(environ: dict[str, str]) -> None:
    """The message has the address and says what to do; what had been started is stopped again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = await finished(environ={**environ, "PORT": str(port)})
    assert_failed(result)
    assert len(result.errors) == 1
    assert f"cannot listen on 127.0.0.1:{port}: another program already does" in result.errors[0]
    assert "PORT" in result.errors[0]
    started = [line["name"] for line in result.log if line["action"] == "service.started"]
    stopped = [line["name"] for line in result.log if line["action"] == "service.stopped"]
    assert stopped == started[::-1]


async def test_a_start_that_waits_can_be_stopped(environ: dict[str, str]) -> None:
    """SIGTERM ends the wait for a server that does not answer, with status 0."""
    settings = {**environ, "DATABASE_URL": unreachable_database(free_port())}
    async with running(environ={**settings, "WORKFLOW_START_TIMEOUT": "600"}) as worker:
        await worker.logged("dependency.awaited")
        worker.terminate()
        assert await worker.ended() == 0
        assert not worker.actions("process.failed")

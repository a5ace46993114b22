from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.devstack import temporal_cli
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
    command_line,
)

GOLDEN = """\
/bin/temporal server start-dev
--ip 127.0.0.1
--port 7001
--http-port 7002
--ui-port 7003
--log-level warn
--db-filename /data/temporal.db
--namespace one
--namespace two
--dynamic-config-value history.transferProcessorMaxPollRPS=2000
--dynamic-config-value history.timerProcessorMaxPollRPS=2000
--dynamic-config-value history.visibilityProcessorMaxPollRPS=2000
--dynamic-config-value system.enableActivityEagerExecution=true
--dynamic-config-value matching.numTaskqueueReadPartitions=1
--dynamic-config-value matching.numTaskqueueWritePartitions=1
--dynamic-config-value matching.useNewMatcher=true
--dynamic-config-value matching.enableFairness=true
--dynamic-config-value history.timerProcessorMaxTimeShift="10ms"
--dynamic-config-value history.continueAsNewMinInterval="0s"
--dynamic-config-value history.workflowIdReuseMinimalInterval="0s"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="alga-test-") as name:
        yield Path(name)


def test_the_command_line() -> None:
    """The flags that every measurement and every test relies on are exactly these."""
    options = TemporalServerOptions(
        port=7001,
        http_port=7002,
        ui_port=7003,
        database=Path("/data/temporal.db"),
        namespaces=("one", "two"),
    )
    assert command_line(Path("/bin/temporal"), options) == GOLDEN.split()


def test_the_command_line_without_ui_and_database() -> None:
    """Without a UI port there is no UI, and without a database everything is in memory."""
    options = TemporalServerOptions(port=7001, http_port=7002)
    command = command_line(Path("/bin/temporal"), options)
    assert "--headless" in command
    assert not {"--ui-port", "--db-filename", "--namespace"} & set(command)


async def test_a_server_serves_its_namespaces(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """When the start returns every namespace takes a workflow; the server writes to its log only;
    after the stop it is gone.
    """
    binary = await temporal_cli.find(print)
    options = TemporalServerOptions(namespaces=("mine",))
    server = await TemporalServer.start(binary, options, log_file=folder / "log")
    try:
        for namespace in ("default", "mine"):
            client = await Client.connect(server.address, namespace=namespace)
            handle = await client.start_workflow("none", id="one", task_queue="none")
            assert (await handle.describe()).id == "one"
        assert server.ui_address is None
    finally:
        await server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
    written = capfd.readouterr()
    assert "Server:" in (folder / "log").read_text()
    assert "Server:" not in written.out + written.err


async def test_a_port_in_use_is_named(folder: Path) -> None:
    """A server that cannot start says why, with the end of its log."""
    binary = await temporal_cli.find(print)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(AlgaError, match=rf"ended at its start.*(?s:.*){port}"):
            await TemporalServer.start(
                binary, TemporalServerOptions(port=port), log_file=folder / "log"
            )


async def test_a_program_that_is_no_server_is_told(folder: Path) -> None:
    """A program that ends at once is reported with what it wrote."""
    fake = folder / "temporal"
    fake.write_text("#!/bin/sh\necho 'unknown command start-dev' >&2\nexit 3\n")
    fake.chmod(0o755)
    with pytest.raises(AlgaError, match="unknown command start-dev"):
        await TemporalServer.start(fake, TemporalServerOptions(), log_file=folder / "log")

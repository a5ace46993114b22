"""The Temporal development server: its command line, its start and its end.

The one place that knows its flags; `dev`, `demo`, tests and benchmarks start it from here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import httpx
import structlog

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.devstack.server_process import ServerProcess, end_orphan

log = structlog.get_logger()

_HOST = "127.0.0.1"
_GRACE = 5.0
_POLL = 0.02
_PORT_ATTEMPTS = 3

_DYNAMIC_CONFIG = (
    # 20 loads per second and shard: with one shard, sequential steps take 105 ms instead of 10.
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=2000",
    "system.enableActivityEagerExecution=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    # Priorities and fairness keys are accepted but ignored without these.
    "matching.useNewMatcher=true",
    "matching.enableFairness=true",
    # Without these a timer and a continue-as-new take at least one second.
    'history.timerProcessorMaxTimeShift="10ms"',
    'history.continueAsNewMinInterval="0s"',
    'history.workflowIdReuseMinimalInterval="0s"',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalServerOptions:
    """How a server is started. A port of 0 becomes a free one.

    `ui_port` None: no UI. `database` None: everything is lost at the stop. The namespace `default`
    exists always. `settings`: further dynamic configuration, as `name=JSON`.
    """

    port: int = 0
    http_port: int = 0
    ui_port: int | None = None
    database: Path | None = None
    namespaces: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def command_line(binary: Path, options: TemporalServerOptions) -> list[str]:
    """The whole command line of the server; `options` must name its ports."""
    command = [str(binary), "server", "start-dev", "--ip", _HOST]
    command += ["--port", str(options.port), "--http-port", str(options.http_port)]
    command += ["--headless"] if options.ui_port is None else ["--ui-port", str(options.ui_port)]
    command += ["--log-level", "warn"]
    if options.database is not None:
        command += ["--db-filename", str(options.database)]
    for namespace in options.namespaces:
        command += ["--namespace", namespace]
    for setting in (*_DYNAMIC_CONFIG, *options.settings):
        command += ["--dynamic-config-value", setting]
    return command


class TemporalServer:
    """A running development server that ends with this process, even by SIGKILL."""

    def __init__(self, process: ServerProcess, options: TemporalServerOptions) -> None:
        self._process = process
        self._options = options

    @classmethod
    async def start(
        cls,
        binary: Path,
        options: TemporalServerOptions,
        *,
        log_file: Path,
        start_timeout: float = 30.0,
    ) -> TemporalServer:
        """Start the server and wait until it serves workflows in all of its namespaces.

        A server that an earlier process left running on the same database is ended first.
        AlgaError with the end of the log when it ends, or is not ready after `start_timeout`
        seconds.
        """
        if options.database is not None:
            await _end_orphan(options.database)
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            chosen = _with_ports(options)
            try:
                return await cls._start_once(binary, chosen, log_file, start_timeout)
            except AlgaError as error:
                # A free port may be taken between our choice and the server's start.
                in_use = "address already in use" in error.message
                if not in_use or attempt == _PORT_ATTEMPTS or chosen == options:
                    raise
        raise AssertionError("the loop returns or raises")

    @classmethod
    async def _start_once(
        cls, binary: Path, options: TemporalServerOptions, log_file: Path, start_timeout: float
    ) -> TemporalServer:
        process = await ServerProcess.start(
            "The Temporal development server",
            command_line(binary, options),
            log_file=log_file,
            environ=_environment(os.environ),
            stop_signal=signal.SIGTERM,
            grace=_GRACE,
        )
        server = cls(process, options)
        try:
            if options.database is not None:
                _pid_file(options.database).write_text(str(process.pid))
            await server._wait_until_ready(start_timeout)
        except BaseException:
            await server.stop()
            raise
        log.info(
            "The Temporal development server is ready.",
            action="temporal_server.start",
            address=server.address,
            ui=server.ui_address,
            pid=server.pid,
        )
        return server

    @property
    def address(self) -> str:
        """host:port of the frontend."""
        return f"{_HOST}:{self._options.port}"

    @property
    def ui_address(self) -> str | None:
        """The UI's URL; None if it was started without."""
        port = self._options.ui_port
        return None if port is None else f"http://{_HOST}:{port}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    async def stop(self) -> None:
        """End the server (SIGTERM, then SIGKILL) and wait for its end."""
        await self._process.stop()
        if self._options.database is not None:
            _pid_file(self._options.database).unlink(missing_ok=True)

    async def _wait_until_ready(self, start_timeout: float) -> None:
        """Ready means: the describe call reaches the history service in every namespace."""
        deadline = time.monotonic() + start_timeout
        waiting = ["default", *self._options.namespaces]
        url = f"http://{_HOST}:{self._options.http_port}/api/v1/namespaces"
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while waiting:
                if not self._process.is_running:
                    raise self._process.failure("ended at its start")
                if time.monotonic() > deadline:
                    raise self._process.failure(f"was not ready after {start_timeout:.0f} s")
                if await _serves(client, f"{url}/{waiting[-1]}"):
                    waiting.pop()
                else:
                    await asyncio.sleep(_POLL)


async def _serves(client: httpx.AsyncClient, url: str) -> bool:
    try:
        if (await client.get(url)).status_code != HTTPStatus.OK:
            return False
        # No such workflow; while the history service is still starting, this is a 503.
        missing = await client.get(f"{url}/workflows/none")
    except httpx.TransportError:
        return False
    return missing.status_code == HTTPStatus.NOT_FOUND


def _with_ports(options: TemporalServerOptions) -> TemporalServerOptions:
    return replace(
        options,
        port=options.port or free_port(),
        http_port=options.http_port or free_port(),
        ui_port=free_port() if options.ui_port == 0 else options.ui_port,
    )


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens on, and that is not given out again
    for the next minute.
    """
    with socket.create_server((_HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        # An accepted connection that the listening side closes first leaves the port in TIME_WAIT:
        # the kernel then chooses it for nobody, yet a server can bind it by name.
        with socket.create_connection((_HOST, port)):
            accepted, _ = listener.accept()
            accepted.close()
    return port


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Ours without the variables that `temporal` reads as its own options."""
    return {name: value for name, value in environ.items() if not name.startswith("TEMPORAL_")}


def _pid_file(database: Path) -> Path:
    return database.with_name(database.name + ".pid")


async def _end_orphan(database: Path) -> None:
    path = _pid_file(database)
    try:
        pid = int(path.read_text())
    except (FileNotFoundError, ValueError):
        return
    if await end_orphan(pid, str(database), signal.SIGTERM, _GRACE):
        log.warning(
            "Ended a Temporal server that an earlier process left running.",
            action="temporal_server.end_orphan",
            pid=pid,
        )
    path.unlink(missing_ok=True)

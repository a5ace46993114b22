"""PostgreSQL and Temporal as one thing that is started, found and stopped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict

from alga_workflows_core.errors import ConflictError, SettingsError
from alga_workflows_core.infra.devstack import file_lock, temporal_cli
from alga_workflows_core.infra.devstack.file_lock import FileLock
from alga_workflows_core.infra.devstack.postgres import PostgresServer
from alga_workflows_core.infra.devstack.temporal_cli_sources import Report
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
)
from alga_workflows_core.infra.settings import (
    DatabaseSettings,
    TemporalSettings,
    load,
    parse_database_url,
)

log = structlog.get_logger()

DATABASE = "alga"
"""The database of the embedded PostgreSQL."""

_LOCK = "lock"
_DESCRIPTION = "stack.json"
_LOCK_PATIENCE = 0.3
"""Seconds; `find_running` of another program holds the lock for a moment."""


class StackInfo(BaseModel):
    """Where the servers of a running stack are; `pid` is the process that holds it.

    `temporal_ui` is a URL, None where there is no UI, or where Temporal is not ours.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    database_url: str
    temporal_address: str
    temporal_ui: str | None = None

    @property
    def summary(self) -> str:
        """One line for messages, without a password."""
        url = parse_database_url(self.database_url).set(drivername="postgresql")
        database = url.render_as_string(hide_password=True)
        ui = f" (UI: {self.temporal_ui})" if self.temporal_ui else ""
        return f"PostgreSQL at {database}, Temporal at {self.temporal_address}{ui}"


class DevStack:
    """The servers of one folder, held by this process until `stop`."""

    def __init__(self, info: StackInfo, undo: AsyncExitStack) -> None:
        self.info = info
        self._undo = undo

    @classmethod
    async def start(
        cls,
        folder: Path,
        *,
        report: Report,
        environ: Mapping[str, str] | None = None,
        options: TemporalServerOptions | None = None,
        durable: bool = True,
    ) -> DevStack:
        """Start what is needed, in parallel, with its data in `folder`, and describe it there.

        `DATABASE_URL` and `TEMPORAL_ADDRESS`, where set, are used instead of a server of ours.
        `report` is told what takes long (getting the Temporal server). `options` without a database
        get one in `folder`; by default there is a UI and every port is a free one. Data of an
        earlier stack is found again, and servers that one left running are ended first.
        ConflictError, with the holder's process id and addresses, if a stack runs in `folder`.
        """
        source = os.environ if environ is None else environ
        folder = _absolute(folder)
        undo = AsyncExitStack()
        try:
            undo.callback((await _lock(folder)).release)
            # Of a process that was killed: it must not be taken for ours while we start.
            (folder / _DESCRIPTION).unlink(missing_ok=True)
            starting = options or TemporalServerOptions(ui_port=0)
            info = await _start_servers(folder, undo, report, source, starting, durable)
            undo.callback((folder / _DESCRIPTION).unlink, missing_ok=True)
            _write(folder / _DESCRIPTION, info)
        except BaseException:
            await undo.aclose()
            raise
        log.info("The development servers are ready.", action="devstack.start", folder=str(folder))
        return cls(info, undo)

    async def stop(self) -> None:
        """Stop Temporal, then PostgreSQL; leave neither process nor lock nor description."""
        await self._undo.aclose()

    async def __aenter__(self) -> DevStack:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def find_running(folder: Path) -> StackInfo | None:
    """The stack that some process holds in `folder`; None if there is none, or it is starting."""
    folder = _absolute(folder)
    holder = file_lock.holder(folder / _LOCK)
    if holder is None:
        return None
    try:
        info = StackInfo.model_validate_json((folder / _DESCRIPTION).read_bytes())
    except FileNotFoundError:
        return None
    return info if info.pid == holder else None


def _absolute(folder: Path) -> Path:
    return folder.expanduser().absolute()


async def _lock(folder: Path) -> FileLock:
    deadline = time.monotonic() + _LOCK_PATIENCE
    while (lock := _try_lock(folder)) is None:
        if time.monotonic() > deadline:
            raise _held(folder)
        await asyncio.sleep(0.02)
    return lock


def _try_lock(folder: Path) -> FileLock | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock.try_acquire(folder / _LOCK)
    except OSError as error:
        raise SettingsError(
            f"The folder {folder} of the development servers cannot be used: {error.strerror}.",
            remedy="Name another one in WORKFLOW_DEV_DIR.",
        ) from error


def _held(folder: Path) -> ConflictError:
    info = find_running(folder)
    pid = file_lock.holder(folder / _LOCK) if info is None else info.pid
    doing = "which is starting or stopping it" if info is None else info.summary
    return ConflictError(
        f"The development servers in {folder} are held by process {pid}: {doing}.",
        remedy="Use those, or stop that process, or name another folder in WORKFLOW_DEV_DIR.",
        details={} if info is None else info.model_dump(exclude={"database_url"}),
    )


async def _start_servers(
    folder: Path,
    undo: AsyncExitStack,
    report: Report,
    environ: Mapping[str, str],
    options: TemporalServerOptions,
    durable: bool,
) -> StackInfo:
    own_database = not environ.get("DATABASE_URL", "").strip()
    own_temporal = not environ.get("TEMPORAL_ADDRESS", "").strip()
    settings = load(TemporalSettings, environ)
    if not own_database:
        load(DatabaseSettings, environ)  # wrong settings are told before anything is started
    # First: getting it may take minutes, or fail.
    binary = await temporal_cli.find(report, environ) if own_temporal else None
    postgres, temporal = await asyncio.gather(
        _begin(undo, _start_postgres(folder, durable) if own_database else _nothing()),
        _begin(
            undo,
            _start_temporal(binary, folder, _with_namespace(options, settings.namespace))
            if binary is not None
            else _nothing(),
        ),
    )
    return StackInfo(
        pid=os.getpid(),
        database_url=environ["DATABASE_URL"] if postgres is None else postgres.url(DATABASE),
        temporal_address=settings.address if temporal is None else temporal.address,
        temporal_ui=None if temporal is None else temporal.ui_address,
    )


def _with_namespace(options: TemporalServerOptions, namespace: str) -> TemporalServerOptions:
    if namespace in ("default", *options.namespaces):
        return options
    return replace(options, namespaces=(*options.namespaces, namespace))


async def _nothing() -> None:
    """In place of the start of a server that is somebody else's."""


async def _start_temporal(
    binary: Path, folder: Path, options: TemporalServerOptions
) -> TemporalServer:
    if options.database is None:
        options = replace(options, database=folder / "temporal.db")
    return await TemporalServer.start(binary, options, log_file=folder / "temporal.log")


async def _start_postgres(folder: Path, durable: bool) -> PostgresServer:
    server = await PostgresServer.start(
        folder / "postgres", log_file=folder / "postgres.log", durable=durable
    )
    try:
        await server.create_database(DATABASE)
    except BaseException:
        await server.stop()
        raise
    return server


class _Server(Protocol):
    async def stop(self) -> None: ...


_S = TypeVar("_S", bound=_Server | None)


def _begin(undo: AsyncExitStack, start: Coroutine[Any, Any, _S]) -> asyncio.Task[_S]:
    """Start a server in the background; `undo` stops it, in whatever state it is then."""
    task = asyncio.create_task(start)

    async def stop() -> None:
        if not task.done():
            # Who is cleaning up already must not be disturbed by a second cancellation.
            if not task.cancelling():
                task.cancel()
            await asyncio.wait({task})
        if task.cancelled() or task.exception() is not None:
            return
        server = task.result()
        if server is not None:
            await server.stop()

    undo.push_async_callback(stop)
    return task


def _write(path: Path, info: StackInfo) -> None:
    """In one step, and readable by the user alone: an address may hold a password."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(info.model_dump_json(indent=2))
    new.replace(path)

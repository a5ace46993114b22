"""An embedded PostgreSQL server: its data folder, its start and its end.

The caller holds a lock of its own on the data folder's surroundings: two processes must not start
a server on the same data at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import psycopg
import structlog
from psycopg import sql

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.devstack import commands
from alga_workflows_core.infra.devstack.paths import remove_all
from alga_workflows_core.infra.devstack.postgres_install import (
    make_reachable,
    programs,
    server_account,
)
from alga_workflows_core.infra.devstack.server_process import Account, ServerProcess, end_orphan

log = structlog.get_logger()

_USER = "postgres"
_GRACE = 15.0
_POLL = 0.02
_SAFE_SOCKET_FOLDER = re.compile(r"/[\w./-]{1,80}", re.ASCII)
"""A socket's path must fit into 108 bytes, and the setting splits at commas and quotes."""

_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer:
    """A running server, reached over a socket by its superuser without a password.

    It ends with this process, even by SIGKILL.
    """

    def __init__(self, process: ServerProcess, data: Path, socket_folder: Path) -> None:
        self._process = process
        self._data = data
        self._socket_folder = socket_folder

    @classmethod
    async def start(
        cls,
        data: Path,
        *,
        log_file: Path,
        durable: bool = True,
        settings: Sequence[str] = (),
        start_timeout: float = 60.0,
    ) -> PostgresServer:
        """Start a server on the folder `data`, which is made if it is missing.

        A server that an earlier process left running there is ended first. Without `durable`
        commits are faster and do not survive a crash of the machine. `settings` are more
        `name=value`. AlgaError if the extra `[dev]` is missing, or with the end of the log when the
        server ends, or does not accept connections after `start_timeout` seconds.
        """
        data, folder, account = _prepare(data)
        if not (data / "PG_VERSION").exists():
            await _initialise(data, folder, account, durable)
        await _end_orphan(data)
        socket_folder = _socket_folder(data, account)
        command = _command_line(folder, data, socket_folder, durable, settings)
        process = await ServerProcess.start(
            "PostgreSQL",
            command,
            log_file=log_file,
            environ=_environment(),
            stop_signal=signal.SIGINT,  # a fast stop: open connections are ended
            grace=_GRACE,
            account=account,
        )
        server = cls(process, data, socket_folder)
        try:
            await server._wait_until_ready(start_timeout)
        except BaseException:
            await server.stop()
            raise
        log.info("PostgreSQL is ready.", action="postgres.start", data=str(data), pid=server.pid)
        return server

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """The address of `database`, as libpq, psycopg and SQLAlchemy read it."""
        host = quote(str(self._socket_folder), safe="")
        return f"postgresql://{_USER}@/{quote(database, safe='')}?host={host}"

    async def create_database(self, name: str) -> None:
        """Create the database `name` if it is missing."""
        async with await psycopg.AsyncConnection.connect(self.url(), autocommit=True) as connection:
            found = await connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (name,)
            )
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    async def stop(self) -> None:
        """End the server and its connections, and wait for its end; the data stays."""
        await self._process.stop()
        if self._socket_folder != self._data:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    async def _wait_until_ready(self, start_timeout: float) -> None:
        deadline = time.monotonic() + start_timeout
        while not await self._accepts():
            if not self._process.is_running:
                raise self._process.failure("ended at its start")
            if time.monotonic() > deadline:
                raise self._process.failure(f"was not ready after {start_timeout:.0f} s")
            await asyncio.sleep(_POLL)

    async def _accepts(self) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(self.url(), connect_timeout=5)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True


def _prepare(data: Path) -> tuple[Path, Path, Account | None]:
    """The data folder's real path, the folder of the programs, and who runs them."""
    data = data.resolve()
    data.parent.mkdir(parents=True, exist_ok=True)
    folder, account = programs(data), server_account(data)
    if account is not None:
        make_reachable(data, readable=False)
        make_reachable(folder, readable=True)
    return data, folder, account


def _command_line(
    folder: Path, data: Path, socket_folder: Path, durable: bool, settings: Sequence[str]
) -> list[str]:
    command = [str(folder / "postgres"), "-D", str(data)]
    chosen = ["listen_addresses=", f"unix_socket_directories={socket_folder}", "port=5432"]
    chosen += ["max_connections=200", *(() if durable else _NOT_DURABLE), *settings]
    for setting in chosen:
        command += ["-c", setting]
    return command


async def _initialise(data: Path, folder: Path, account: Account | None, durable: bool) -> None:
    """Make the data folder under another name first: an interrupted start leaves no half of one."""
    remove_all(data.parent, f"{data.name}.new-*")
    new = Path(tempfile.mkdtemp(prefix=f"{data.name}.new-", dir=data.parent))
    try:
        if account is not None:
            os.chown(new, account.user, account.group)
        command = [str(folder / "initdb"), "-D", str(new), "-U", _USER, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not durable:
            command.append("--no-sync")
        outcome = await commands.run(command, environ=_environment(), account=account)
        if outcome.code != 0:
            raise AlgaError(
                f"The data folder {data} of PostgreSQL could not be made: {outcome.last_lines}",
                remedy="Remove the cause that it names, or set DATABASE_URL.",
            )
        _move(new, data)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _move(new: Path, data: Path) -> None:
    try:
        if data.exists():
            data.rmdir()
        new.rename(data)
    except OSError as error:
        raise AlgaError(
            f"{data} cannot become the data folder of PostgreSQL: {error.strerror}.",
            remedy="Move what is there away and start again.",
        ) from error


def _socket_folder(data: Path, account: Account | None) -> Path:
    """The data folder, where a socket in it can be named; else a short one of our own."""
    if _SAFE_SOCKET_FOLDER.fullmatch(str(data)):
        return data
    name = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"alga-{os.geteuid()}-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # somebody else's
        folder = Path(tempfile.mkdtemp(prefix="alga-"))
    if account is not None:
        os.chown(folder, account.user, account.group)
    return folder


async def _end_orphan(data: Path) -> None:
    """End a server that is still running on `data`, and remove the marks of one that is not."""
    path = data / "postmaster.pid"
    try:
        pid = int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if await end_orphan(pid, str(data), signal.SIGINT, _GRACE):
        log.warning(
            "Ended a PostgreSQL server that an earlier process left running.",
            action="postgres.end_orphan",
            pid=pid,
        )
    # PostgreSQL believes in these as long as any process of the same user has that id.
    path.unlink(missing_ok=True)
    (data / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """Nothing of ours but what programs need: no PG* variables, no locale, no time zone."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return {**environment, "LC_ALL": "C", "TZ": "UTC"}

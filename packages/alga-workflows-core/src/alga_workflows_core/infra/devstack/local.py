"""What the `dev` and `demo` of a service have in common: servers on this machine to serve on."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack import paths
from alga_workflows_core.infra.devstack.stack import DevStack, StackInfo, find_running
from alga_workflows_core.infra.migrations import Schema
from alga_workflows_core.infra.settings import DatabaseSettings
from alga_workflows_core.infra.stopping import unless_stopped


def report(line: str) -> None:
    """Progress goes to standard error; standard output belongs to results."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@asynccontextmanager
async def kept_stack(stop: asyncio.Event) -> AsyncGenerator[StackInfo | None]:
    """The servers that another `dev` runs, or ones of our own, whose data is kept and which end
    with the block; None if `stop` came first."""
    folder = paths.state_folder()
    running = find_running(folder)
    if running is not None:
        report(f"Using the servers of process {running.pid}: {running.summary}")
        yield running
        return
    stack = await unless_stopped(stop, DevStack.start(folder, report=report))
    if stack is None:
        yield None
        return
    async with stack:
        yield stack.info


@asynccontextmanager
async def passing_stack(stop: asyncio.Event) -> AsyncGenerator[StackInfo | None]:
    """Servers that leave nothing behind, unless DATABASE_URL and TEMPORAL_ADDRESS name others;
    None if `stop` came first."""
    with tempfile.TemporaryDirectory(prefix="alga-demo-", ignore_cleanup_errors=True) as folder:
        starting = DevStack.start(Path(folder), report=report, durable=False)
        stack = await unless_stopped(stop, starting)
        if stack is None:
            yield None
            return
        async with stack:
            yield stack.info


def local_environ(environ: Mapping[str, str], stack: StackInfo | None) -> dict[str, str]:
    """`environ` with the servers of `stack`. Without one, with whatever makes settings complete:
    to have them refused before anything is started."""
    local = {**environ}
    named = environ.get("DATABASE_URL", "").strip()
    local["DATABASE_URL"] = (named or "postgresql:///") if stack is None else stack.database_url
    if local["DATABASE_URL"] != named:
        local["DATABASE_DIRECT_URL"] = ""  # it is another database's
    if stack is not None:
        local["TEMPORAL_ADDRESS"] = stack.temporal_address
    return local


async def bring_to(schema: Schema, settings: DatabaseSettings) -> None:
    """Migrate the database to `schema`."""
    database = Database(settings)
    try:
        await database.ping()
        await schema.migrate(database)
    finally:
        await database.close()


@asynccontextmanager
async def served(
    serve: Callable[[Callable[[str], None]], Coroutine[Any, Any, None]],
) -> AsyncGenerator[str | None]:
    """What `serve` says when it is ready, where it serves; None if it ended before. The block's
    end waits until it has ended.

    What makes serving fail ends the block and is raised, as an ExceptionGroup.
    """
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(url.set_result))
        await asyncio.wait({serving, url}, return_when=asyncio.FIRST_COMPLETED)
        yield url.result() if url.done() else None

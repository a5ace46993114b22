"""`dev` and `demo`: the whole system on this machine, with the sample."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack import paths
from alga_workflows_core.infra.devstack.stack import DevStack, StackInfo, find_running
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.settings import load
from alga_workflows_core.storage.migrate import migrate
from workflow_worker.compose import Mode, serve
from workflow_worker.desk import desk_server
from workflow_worker.sample import SampleRun, run_sample
from workflow_worker.settings import DevSettings, ServiceSettings

LOOPBACK = "127.0.0.0/8,::1/128"
INTERRUPTED = 130


def report(line: str) -> None:
    """Progress goes to standard error; standard output belongs to results."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class _Local:
    """What this machine's system is made of."""

    settings: ServiceSettings
    desk: HttpServer
    tenant: str


async def dev(stop: asyncio.Event) -> None:
    """Serve until `stop`; run the sample once at the start. Data is kept between starts."""
    folder = paths.state_folder()
    async with AsyncExitStack() as undo:
        running = find_running(folder)
        if running is None:
            stack = await DevStack.start(folder, report=report)
            undo.push_async_callback(stack.stop)
            running = stack.info
        else:
            report(f"Using the servers of process {running.pid}: {running.summary}")
        local = await _prepare(running, os.environ)
        url = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(local, stop, url))
            run = await _sample_while(serving, local, url)
            if run is not None:
                _show(run, await url, running.temporal_ui)


async def demo(stop: asyncio.Event, *, as_json: bool) -> int:
    """Run the sample on servers of its own, print how it went; the exit status."""
    with tempfile.TemporaryDirectory(prefix="alga-demo-", ignore_cleanup_errors=True) as folder:
        async with await DevStack.start(Path(folder), report=report, durable=False) as stack:
            local = await _prepare(stack.info, {**os.environ, "PORT": "0"})
            url = asyncio.get_running_loop().create_future()
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(_serve(local, stop, url))
                run = await _sample_while(serving, local, url)
                stop.set()
    if run is None:
        return INTERRUPTED
    sys.stdout.write(json.dumps(run.as_json()) if as_json else run.as_text())
    sys.stdout.write("\n")
    return 0 if run.status == "SUCCEEDED" else 1


async def _prepare(stack: StackInfo, environ: Mapping[str, str]) -> _Local:
    """Settings for the servers of `stack`, whose database gets the present schema."""
    allowed = ",".join(filter(None, [environ.get("WORKFLOW_HTTP_ALLOW", ""), LOOPBACK]))
    settings = ServiceSettings.load(
        {
            **environ,
            "DATABASE_URL": stack.database_url,
            "TEMPORAL_ADDRESS": stack.temporal_address,
            # The sample's desk is on this machine.
            "WORKFLOW_HTTP_ALLOW": allowed,
        }
    )
    database = Database(settings.database)
    try:
        await migrate(database)
    finally:
        await database.close()
    return _Local(settings, desk_server(), load(DevSettings, environ).tenant)


async def _serve(local: _Local, stop: asyncio.Event, url: asyncio.Future[str]) -> None:
    await serve(
        local.settings,
        stop=stop,
        mode=Mode(open_tenant=local.tenant, extra_services=(local.desk,)),
        on_ready=url.set_result,
    )


async def _sample_while(
    serving: asyncio.Task[None], local: _Local, url: asyncio.Future[str]
) -> SampleRun | None:
    """The finished sample, or None if serving ended before that."""
    await asyncio.wait({serving, url}, return_when=asyncio.FIRST_COMPLETED)
    if not url.done():
        return None
    driving = asyncio.create_task(run_sample(url.result(), local.desk.url))
    await asyncio.wait({serving, driving}, return_when=asyncio.FIRST_COMPLETED)
    if not driving.done():
        driving.cancel()
        return None
    return driving.result()


def _show(run: SampleRun, url: str, ui: str | None) -> None:
    report(f"\n{run.as_text()}\n")
    report(f"API:          {url}/api/v1 (from this machine without a key)")
    if ui is not None:
        report(f"Temporal UI:  {ui}")
    report("Ctrl-C stops everything; the data is kept.\n")

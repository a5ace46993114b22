"""`dev` and `demo`: the whole system on this machine, with the sample."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.devstack.local import (
    bring_to,
    kept_stack,
    local_environ,
    passing_stack,
    report,
    served,
)
from alga_workflows_core.infra.devstack.stack import StackInfo
from alga_workflows_core.infra.http import HttpServer
from alga_workflows_core.infra.stopping import INTERRUPTED, unless_stopped
from alga_workflows_core.storage.migrate import SCHEMA
from workflow_worker.base import Mode
from workflow_worker.compose import serve
from workflow_worker.desk import desk_server
from workflow_worker.sample import SampleRun, run_sample
from workflow_worker.settings import ServiceSettings

LOOPBACK = "127.0.0.0/8,::1/128"


@dataclass(frozen=True, slots=True)
class _Local:
    """What this machine's system is made of."""

    settings: ServiceSettings
    desk: HttpServer


async def dev(stop: asyncio.Event) -> None:
    """Serve until `stop`; run the sample once at the start. Data is kept between starts."""
    _settings(os.environ)
    async with kept_stack(stop) as running:
        if running is None:
            return
        local = await unless_stopped(stop, _prepare(os.environ, running))
        if local is None:
            return
        async with _serving(local, stop) as url:
            if url is not None:
                await _show_sample(local, stop, url, running.temporal_ui)


async def demo(stop: asyncio.Event, *, as_json: bool) -> int:
    """Run the sample to its end, print how it went, leave nothing behind; the exit status.

    The servers are started for it alone, unless DATABASE_URL and TEMPORAL_ADDRESS name others.
    """
    environ = {**os.environ, "PORT": "0"}
    _settings(environ)
    async with passing_stack(stop) as stack:
        run = None if stack is None else await _finished_sample(environ, stack, stop)
    if run is None:
        return INTERRUPTED
    sys.stdout.write(json.dumps(run.as_json()) if as_json else run.as_text())
    sys.stdout.write("\n")
    return 0 if run.status == "SUCCEEDED" else 1


async def _finished_sample(
    environ: Mapping[str, str], stack: StackInfo, stop: asyncio.Event
) -> SampleRun | None:
    """Serve until the sample has run; None if `stop` came first."""
    local = await unless_stopped(stop, _prepare(environ, stack))
    if local is None:
        return None
    async with _serving(local, stop) as url:
        if url is None:
            return None
        run = await unless_stopped(stop, run_sample(url, local.desk.url))
        stop.set()
    return run


async def _show_sample(local: _Local, stop: asyncio.Event, url: str, ui: str | None) -> None:
    try:
        run = await unless_stopped(stop, run_sample(url, local.desk.url))
    except AlgaError as error:
        # Whatever is in its way, an archived definition, say, is no reason not to serve.
        report(f"\nThe sample did not run: {error}\n")
    else:
        if run is None:
            return
        report(f"\n{run.as_text()}\n")
    report(f"API:          {url}/api/v1 (from this machine without a key)")
    if ui is not None:
        report(f"Temporal UI:  {ui}")
    report("Ctrl-C stops everything; the data is kept.\n")


def _settings(environ: Mapping[str, str], stack: StackInfo | None = None) -> ServiceSettings:
    """Settings for the servers of `stack`.

    Without one only to raise SettingsError before anything is started.
    """
    # The sample's desk is on this machine.
    allowed = ",".join(filter(None, [environ.get("WORKFLOW_HTTP_ALLOW", ""), LOOPBACK]))
    local = {**environ, "WORKFLOW_HTTP_ALLOW": allowed}
    return ServiceSettings.load(local_environ(local, stack))


async def _prepare(environ: Mapping[str, str], stack: StackInfo) -> _Local:
    """Bring the database of `stack` to the present schema."""
    settings = _settings(environ, stack)
    await bring_to(SCHEMA, settings.database)
    return _Local(settings, desk_server())


@asynccontextmanager
async def _serving(local: _Local, stop: asyncio.Event) -> AsyncGenerator[str | None]:
    """The API's URL; None if `stop` came first. The block's end waits until `stop`.

    What makes serving fail ends the block and is raised, as an ExceptionGroup.
    """
    mode = Mode(open_tenant=local.settings.dev.tenant, extra_services=(local.desk,))
    async with served(
        lambda ready: serve(local.settings, stop=stop, mode=mode, on_ready=ready)
    ) as url:
        yield url

"""`dev` and `demo`: everything on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from alga_temporal_domain.storage.schema import SCHEMA
from alga_workflows_core.infra.devstack.local import (
    bring_to,
    kept_stack,
    local_environ,
    passing_stack,
    report,
    served,
)
from alga_workflows_core.infra.devstack.stack import StackInfo
from alga_workflows_core.infra.stopping import INTERRUPTED, unless_stopped
from temporal_worker.base import Mode
from temporal_worker.client import service_client
from temporal_worker.compose import serve
from temporal_worker.sample import SampleResults, run_sample
from temporal_worker.settings import ClientSettings, ServiceSettings

PAYLOAD_VARIABLES = ("TEMPORAL_PAYLOAD_ENCRYPTION", "TEMPORAL_PAYLOAD_KEYS")


async def dev(stop: asyncio.Event) -> None:
    """Serve until `stop`, on the servers that another `dev` runs, or on ones of its own. Data is
    kept between starts."""
    _settings(os.environ)
    async with kept_stack(stop) as running:
        if running is None:
            return
        settings = await unless_stopped(stop, _prepare(os.environ, running))
        if settings is None:
            return
        async with _serving(settings, stop) as url:
            if url is not None:
                _show(url, running.temporal_ui)


async def demo(stop: asyncio.Event, *, as_json: bool) -> int:
    """Run both sample workflows, print what they gave, leave nothing behind; the exit status.

    The servers are started for them alone, unless DATABASE_URL and TEMPORAL_ADDRESS name others.
    """
    environ = {**os.environ, "WORKER_SERVICE_PORT": "0"}
    _settings(environ)
    async with passing_stack(stop) as stack:
        results = None if stack is None else await _results(environ, stack, stop)
    if results is None:
        return INTERRUPTED
    sys.stdout.write(json.dumps(results.as_json()) if as_json else results.as_text())
    sys.stdout.write("\n")
    return 0 if results.ok else 1


async def _results(
    environ: Mapping[str, str], stack: StackInfo, stop: asyncio.Event
) -> SampleResults | None:
    """Serve until the sample has run; None if `stop` came first."""
    settings = await unless_stopped(stop, _prepare(environ, stack))
    if settings is None:
        return None
    async with _serving(settings, stop) as url:
        if url is None:
            return None
        async with service_client(ClientSettings(url=url)) as client:
            results = await unless_stopped(stop, run_sample(client))
        stop.set()
    return results


def _show(url: str, ui: str | None) -> None:
    report(f"\nPage and API: {url} (from this machine without a key)")
    if ui is not None:
        report(f"Temporal UI:  {ui}")
    report("`temporal-worker projects publish DIR --watch` publishes a folder on each save.")
    report("Ctrl-C stops everything; the data is kept.\n")


def _settings(environ: Mapping[str, str], stack: StackInfo | None = None) -> ServiceSettings:
    """Settings for the servers of `stack`.

    Without one only to raise SettingsError before anything is started.
    """
    local = local_environ(environ, stack)
    if not any(environ.get(name, "").strip() for name in PAYLOAD_VARIABLES):
        # Histories on this machine are there to be read.
        local["TEMPORAL_PAYLOAD_ENCRYPTION"] = "off"
    return ServiceSettings.load(local)


async def _prepare(environ: Mapping[str, str], stack: StackInfo) -> ServiceSettings:
    """Bring the database of `stack` to the present schema."""
    settings = _settings(environ, stack)
    await bring_to(SCHEMA, settings.database)
    return settings


@asynccontextmanager
async def _serving(settings: ServiceSettings, stop: asyncio.Event) -> AsyncGenerator[str | None]:
    """The service's URL; None if `stop` came first. The block's end waits until `stop`.

    What makes serving fail ends the block and is raised, as an ExceptionGroup.
    """
    mode = Mode(open_tenant=settings.dev.tenant)
    async with served(lambda ready: serve(settings, stop=stop, mode=mode, on_ready=ready)) as url:
        yield url

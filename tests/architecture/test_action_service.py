"""A service that has core from its wheel and nothing else of ours, as the page on it says."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
from temporalio.client import Client

from alga_workflows_core.definition.source import read
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from tests.api.service import published, ran, serving
from tests.architecture.environments import Installed
from tests.architecture.workspace import ROOT
from tests.services.command import PATIENCE, eventually

PAGE = ROOT / "docs" / "howto" / "action-worker.md"
MOST_LINES = 32


def texts(language: str) -> list[str]:
    """What the page shows in a language, in order."""
    page = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@asynccontextmanager
async def running(
    installed: Installed, script: Path, environ: dict[str, str]
) -> AsyncGenerator[None]:
    """The script as a process that sees its environment alone; it ends well on SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        *(installed.program("python"), "-I", script),
        cwd=script.parent,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, said.decode()


async def test_the_service_of_the_page(
    core_alone: Installed,
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
    tmp_path: Path,
) -> None:
    """In thirty lines it brings an action that a published definition calls; while it is away a
    run says so, and goes on when it is back."""
    service, *_ = texts("python")
    assert len(service.splitlines()) <= MOST_LINES
    script = tmp_path / "service.py"
    script.write_text(service, encoding="utf-8")
    environ = {
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": temporal_client.namespace,
    }
    temporal = TemporalSettings(
        address=temporal_server.address, namespace=temporal_client.namespace
    )
    document = cast("dict[str, Any]", read(texts("yaml")[0].encode(), name="invoice.yaml").document)
    payload = {"net": 1000, "country": "AT"}
    async with (
        serving(
            database_url,
            temporal,
            temporal_telemetry,
            open_tenant="default",
            WORKFLOW_BLOCKED_AFTER="1",
        ) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=40) as api,
    ):
        async with running(core_alone, script, environ):

            async def listed() -> bool:
                items = (await api.get("/actions")).json()["items"]
                return any(item["id"] == "billing.vat" for item in items)

            await eventually(listed, "the catalogue lists the action")
            await published(api, document)
            run = await ran(api, document["id"], payload)
            assert (run["status"], run["result"]) == ("SUCCEEDED", 200)
        started = await api.post(f"/definitions/{document['id']}/runs", json={"payload": payload})
        path = f"/runs/{started.json()['runId']}"

        async def blocked() -> list[dict[str, Any]]:
            return (await api.get(path)).json()["blockedOn"]

        (entry,) = await eventually(blocked, "the run says that nobody serves the queue")
        assert (entry["kind"], entry["queue"], entry["step"]) == ("queue", "billing-actions", "tax")
        async with running(core_alone, script, environ):

            async def ended() -> dict[str, Any] | None:
                now = (await api.get(path)).json()
                return now if now["status"] == "SUCCEEDED" else None

            now = await eventually(ended, "the run goes on")
            assert (now["result"], now["blockedOn"]) == (200, [])

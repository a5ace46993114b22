"""A service in this process, as its clients see it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.auth import Role, generate_key, hash_key
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import TemporalTelemetry
from temporal_worker.base import Mode
from temporal_worker.compose import serve
from temporal_worker.sample import sample_files
from temporal_worker.settings import ServiceSettings

TENANT = "default"
PATIENCE = 20.0
PAYLOAD_KEYS = "test:" + base64.b64encode(bytes(32)).decode()


@dataclass(frozen=True, kw_only=True)
class RunningService:
    """Its clients need no key: they are on this machine."""

    url: str
    http: httpx.AsyncClient
    storage: DomainStorage
    database_url: str

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """The answer, whatever it is."""
        content = b"" if body is None else json.dumps(body).encode()
        return await self.http.request(
            method,
            path,
            content=content,
            headers={"content-type": "application/json", **headers},
        )

    async def project(self, name: str | None = None) -> str:
        """A new project's id."""
        made = await self.ask("POST", "/v1/projects", {"name": name or f"p-{uuid4().hex[:8]}"})
        assert made.status_code == 201, made.text
        return made.json()["id"]

    async def publish(self, project: str, files: dict[str, str] | None = None) -> str:
        """The hash of a bundle that is published now, that of the sample without files."""
        body = {"files": files or sample_files()}
        made = await self.ask("POST", f"/v1/projects/{project}/bundles", body)
        assert made.status_code in (200, 201), made.text
        return made.json()["hash"]

    async def activate(self, project: str, bundle_hash: str, **body: Any) -> httpx.Response:
        """The answer to an activation."""
        address = f"/v1/projects/{project}/bundles/{bundle_hash}/activate"
        return await self.ask("POST", address, body)

    async def active_project(self, files: dict[str, str] | None = None) -> str:
        """A new project with active code."""
        project = await self.project()
        answer = await self.activate(project, await self.publish(project, files))
        assert answer.status_code == 200, answer.text
        return project

    async def key(self, role: Role) -> str:
        """A new key of the tenant."""
        key = generate_key()
        async with self.storage.unit_of_work(TENANT) as work:
            await work.api_keys.add(uuid4(), name="test", role=role.label, key_hash=hash_key(key))
        return key

    async def activations(self, project: str) -> list[dict[str, Any]]:
        """The latest first."""
        return (await self.ask("GET", f"/v1/projects/{project}/activations")).json()["items"]


@asynccontextmanager
async def running_service(
    environ: dict[str, str], telemetry: TemporalTelemetry
) -> AsyncGenerator[RunningService]:
    """Serve for as long as the block lasts, on a free port."""
    settings = ServiceSettings.load({"WORKER_SERVICE_PORT": "0", **environ})
    database = Database(settings.database)
    stop = asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    mode = Mode(open_tenant=TENANT)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                serve(settings, stop=stop, mode=mode, on_ready=url.set_result, telemetry=telemetry)
            )
            async with asyncio.timeout(PATIENCE):
                address = await url
            async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as http:
                yield RunningService(
                    url=address,
                    http=http,
                    storage=DomainStorage(database),
                    database_url=environ["DATABASE_URL"],
                )
            stop.set()
    finally:
        stop.set()
        await database.close()


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` gives, as soon as it gives something that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


def workflow(name: str, answer: str) -> dict[str, str]:
    """A bundle with one workflow that returns a text."""
    text = (
        "from temporalio import workflow\n\n\n"
        f"@workflow.defn(name={name!r})\n"
        "class Answering:\n"
        "    @workflow.run\n"
        "    async def run(self) -> str:\n"
        f"        return {answer!r}\n"
    )
    return {"workflows.py": text}


def identity(text: str) -> UUID:
    """The id that an answer names."""
    return UUID(text)

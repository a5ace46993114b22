"""A service in this process, and what tests ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from alga_workflows_core.infra.auth import generate_key, hash_key
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.storage.unit_of_work import Storage
from workflow_worker.base import Mode
from workflow_worker.compose import serve
from workflow_worker.settings import ServiceSettings

TABLES = (
    "workflow_definitions",
    "workflow_definition_versions",
    "workflow_runs",
    "workflow_run_steps",
    "workflow_actions",
    "alga_calendars",
    "workflow_schedules",
    "workflow_schedule_fires",
    "alga_api_keys",
    "alga_webhooks",
    "alga_parked_messages",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service. `locked_url`: the same rows, served to nobody without a key."""

    url: str
    locked_url: str
    api: httpx.AsyncClient
    storage: Storage

    async def content(self) -> dict[str, tuple[int, str | None]]:
        """How many rows each table has, of all tenants, and a hash of all that is in them."""
        found: dict[str, tuple[int, str | None]] = {}
        async with self.storage.database.connect() as connection:
            for table in TABLES:
                hashed = "md5(string_agg(t::text, '' ORDER BY t::text))"
                query = f"SELECT count(*), {hashed} FROM {table} t"  # noqa: S608 - our own names
                count, digest = (await connection.execute(text(query))).one()
                found[table] = (count, digest)
        return found

    async def key(self, role: str, *, tenant: str = "default") -> str:
        """A new API key, which only its owner has seen."""
        key = generate_key()
        async with self.storage.unit_of_work(tenant) as work:
            await work.api_keys.add(uuid4(), name=role, role=role, key_hash=hash_key(key))
        return key

    @asynccontextmanager
    async def client(self, key: str | None) -> AsyncGenerator[httpx.AsyncClient]:
        """A client of the service that needs a key."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            base_url=f"{self.locked_url}/api/v1", timeout=30, headers=headers
        ) as client:
            yield client

    async def execute(self, statement: str, **parameters: Any) -> None:
        """Change rows behind the service's back, of any tenant."""
        async with self.storage.database.engine.begin() as connection:
            await connection.execute(text(statement), parameters)


@asynccontextmanager
async def serving(
    database_url: str,
    temporal: TemporalSettings,
    telemetry: TemporalTelemetry,
    *,
    open_tenant: str | None = None,
    mode: Mode | None = None,
    **variables: str,
) -> AsyncGenerator[str]:
    """The URL of a workflow-worker; without a key this machine is `open_tenant`, if that is one.

    `mode` is for what else is special about it, `variables` are settings besides those that all
    tests have.
    """
    settings = ServiceSettings.load(
        {
            "DATABASE_URL": database_url,
            "TEMPORAL_ADDRESS": temporal.address,
            "TEMPORAL_NAMESPACE": temporal.namespace,
            "PORT": "0",
            "WORKFLOW_HTTP_ALLOW": "127.0.0.0/8",
            "WORKFLOW_STOP_TIMEOUT": "2",
            **variables,
        }
    )
    stop = asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(
            settings,
            stop=stop,
            mode=mode or Mode(open_tenant=open_tenant),
            on_ready=url.set_result,
            telemetry=telemetry,
        )
    )
    await asyncio.wait({task, url}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield url.result()
    finally:
        stop.set()
        await task


def returning(identity: str, value: Any = None, **members: Any) -> dict[str, Any]:
    """A definition that returns `value`."""
    step = {"id": "end", "type": "control.return", "value": value}
    return {"id": identity, "name": identity.title(), "steps": [step], **members}


async def saved(api: httpx.AsyncClient, document: dict[str, Any]) -> dict[str, Any]:
    """What saving `document` as a draft answers."""
    answer = await api.put(f"/definitions/{document['id']}/draft", json=document)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def published(api: httpx.AsyncClient, document: dict[str, Any]) -> httpx.Response:
    """The answer to publishing `document`, which has no findings."""
    assert (await saved(api, document))["findings"] == []
    answer = await api.post(f"/definitions/{document['id']}/publish")
    assert answer.is_success, answer.text
    return answer


async def ran(api: httpx.AsyncClient, identity: str, payload: Any = None) -> dict[str, Any]:
    """A run of a published definition, waited for."""
    answer = await api.post(
        f"/definitions/{identity}/runs", json={"payload": payload or {}, "wait": 30}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] in {"SUCCEEDED", "FAILED"}
    return answer.json()


def check_problem(
    answer: httpx.Response, status: int, code: str, *, path: str | None = None
) -> dict[str, Any]:
    """The problem that `answer` is, after what holds for every problem was checked."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert problem.get("path") == path
    assert "remedy" not in problem or problem["remedy"]
    assert "x-request-id" in answer.headers
    leaks: Sequence[str] = ("Traceback", "pydantic", "psycopg", "sqlalchemy", "asyncpg")
    assert not any(leak in answer.text for leak in leaks)
    return problem

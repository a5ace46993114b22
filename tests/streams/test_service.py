"""The whole service on a stream: messages start runs, and people see what could not be taken."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.auth import generate_key, hash_key
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from tests.api.service import check_problem, published, returning, serving
from tests.services.command import client, eventually, finished, running
from tests.services.killing import MODULE
from tests.streams.world import OPERATOR, OTHER, TENANT, World
from workflow_worker import ingress
from workflow_worker.settings import ServiceSettings


@pytest.fixture
def variables(world: World) -> dict[str, str]:
    """The settings of the stream, as the environment has them."""
    return {
        "WORKFLOW_REDIS_URL": world.server.url,
        "WORKFLOW_REDIS_STREAM": world.stream,
        "WORKFLOW_REDIS_TENANTS": f"{TENANT},{OTHER}",
        "WORKFLOW_REDIS_PARKED_TENANT": OPERATOR,
        "WORKFLOW_REDIS_BLOCK": "0.1",
        "WORKFLOW_REDIS_CLAIM_AFTER": "0.5",
    }


async def key_of(world: World, tenant: str, role: str) -> str:
    """A new API key."""
    key = generate_key()
    async with world.storage.unit_of_work(tenant) as work:
        await work.api_keys.add(uuid4(), name=role, role=role, key_hash=hash_key(key))
    return key


class Serving:
    """Starts services on the rows and the stream of the test."""

    def __init__(
        self, database_url: str, temporal: TemporalSettings, telemetry: TemporalTelemetry
    ) -> None:
        self._database_url = database_url
        self._temporal = temporal
        self._telemetry = telemetry

    @asynccontextmanager
    async def __call__(self, key: str, **variables: str) -> AsyncGenerator[httpx.AsyncClient]:
        """A client with that key of a service with those settings."""
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            serving(
                self._database_url, self._temporal, self._telemetry, mode=None, **variables
            ) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=30) as api,
        ):
            yield api


@pytest_asyncio.fixture
async def serve(
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> Serving:
    settings = TemporalSettings(
        address=temporal_server.address, namespace=temporal_client.namespace
    )
    return Serving(database_url, settings, temporal_telemetry)


async def test_messages_start_runs_also_when_a_process_is_killed(
    world: World,
    variables: dict[str, str],
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
    tmp_path: Path,
) -> None:
    """One run for each event, by whichever process; what a dead one had in hand is taken over."""
    environ = {
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": temporal_client.namespace,
        "PORT": "0",
        "CHAOS_FOLDER": str(tmp_path),
        **variables,
    }
    key = await key_of(world, TENANT, "author")
    ids = [f"e{number}" for number in range(12)]
    trigger = {"type": "event", "eventName": "TICKET_CREATED"}

    async def results(api: httpx.AsyncClient) -> list[Any]:
        listed = (await api.get("/api/v1/runs", params={"limit": 500})).json()["items"]
        runs = [(await api.get(f"/api/v1/runs/{run['runId']}")).json() for run in listed]
        return sorted(str(run["result"]) for run in runs)

    async with (
        running(environ=environ, module=MODULE) as first,
        client(await first.url(), key) as api,
    ):
        api.base_url = httpx.URL(f"{api.base_url}/api/v1")
        await published(api, returning("on-ticket", {"$expr": "payload.id"}, trigger=trigger))
        for each in ids[:6]:
            await world.add(each)
        first.kill()
        await first.ended()
    async with (
        running(environ=environ, module=MODULE) as second,
        client(await second.url(), key) as api,
    ):
        for each in ids[3:]:
            await world.add(each)

        async def all_have_ended() -> bool:
            return await results(api) == sorted(ids)

        await eventually(all_have_ended, "each event has its run")
        second.terminate()
        assert await second.ended() == 0
    # The name of the first one is left, unless it had nothing in hand for long enough.
    assert len(await world.consumers()) <= 1
    assert await world.pending() == 0


async def test_parked_messages_are_shown_to_whom_they_concern(
    world: World, variables: dict[str, str], serve: Serving
) -> None:
    """Whole, in pages, and to nobody else."""
    for number in range(3):
        await world.add(f"e{number}", tenant="stranger")
    await world.redis.xadd(world.stream, {"tenant": TENANT, "event_type": b"\xff", "x": "ü"})
    async with serve(await key_of(world, OPERATOR, "reader"), **variables) as operator:
        await world.until_done(4)
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            answer = await operator.get("/parked-messages", params={"limit": 2, **after})
            page = answer.json()
            found += page["items"]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert len(found) == 3
        assert {item["code"] for item in found} == {"TENANT_NOT_ALLOWED"}
        assert found[0]["stream"] == world.stream
        assert "stranger" in found[0]["reason"]
        assert "fields" not in found[0]
        whole = (await operator.get(f"/parked-messages/{found[-1]['id']}")).json()
        fields = {field["name"]: field["value"] for field in whole["fields"]}
        assert (fields["event_id"], fields["tenant"]) == ("e0", "stranger")
        assert json.loads(fields["payload_json"]) == {"id": "e0"}
        ours = {"Authorization": f"Bearer {await key_of(world, TENANT, 'reader')}"}
        (own,) = (await operator.get("/parked-messages", headers=ours)).json()["items"]
        shown = (await operator.get(f"/parked-messages/{own['id']}", headers=ours)).json()
        assert shown["fields"] == [
            {"name": "tenant", "value": TENANT, "base64": None},
            {"name": "event_type", "value": None, "base64": base64.b64encode(b"\xff").decode()},
            {"name": "x", "value": "ü", "base64": None},
        ]
        for message_id in (own["id"], str(uuid4())):
            answer = await operator.get(f"/parked-messages/{message_id}")
            check_problem(answer, 404, "NOT_FOUND")


async def test_a_parked_message_is_tried_again(
    world: World, variables: dict[str, str], serve: Serving
) -> None:
    """By the settings of now; whoever repeats that changes nothing."""
    await world.add("late", tenant="stranger", workflow_correlation_key="T-1")
    key = await key_of(world, OPERATOR, "operator")
    async with serve(key, **variables) as api:
        await world.until_done(1)
        (parked,) = (await api.get("/parked-messages")).json()["items"]
        address = f"/parked-messages/{parked['id']}/retry"
        problem = check_problem(await api.post(address), 409, "MESSAGE_UNFIT")
        assert problem["reason"] == "TENANT_NOT_ALLOWED"
        assert await world.events("stranger") == []
    wider = {**variables, "WORKFLOW_REDIS_TENANTS": "*"}
    async with serve(key, **wider) as api:
        first, again = await api.post(address), await api.post(address, json={})
        assert (first.status_code, first.json()) == (
            200,
            {
                "tenant": "stranger",
                "source": f"redis:{world.stream}",
                "eventId": "late",
                "duplicate": False,
            },
        )
        assert again.json() == {**first.json(), "duplicate": True}
        assert (await api.get("/parked-messages")).json()["items"] == []
        listed = await api.get("/parked-messages", params={"retried": True})
        (retried,) = listed.json()["items"]
        assert retried["retriedAt"] is not None
        assert retried["retriedBy"].startswith("key:")
    (event,) = await world.events("stranger")
    assert (event.correlation_key, event.data) == ("T-1", {"id": "late"})
    async with serve(key) as api:
        check_problem(await api.post(address), 409, "NO_STREAM")


async def test_the_process_serves_while_redis_is_away(
    world: World, variables: dict[str, str], serve: Serving
) -> None:
    """It is ready, and says that something is missing."""
    away = {**variables, "WORKFLOW_REDIS_URL": "redis://127.0.0.1:1/0"}
    async with serve(await key_of(world, TENANT, "reader"), **away) as api:
        root = str(api.base_url).removesuffix("/api/v1/")
        assert (await api.get(f"{root}/readyz")).status_code == 200

        async def is_told() -> bool:
            told = (await api.get(f"{root}/metrics")).text
            return 'alga_dependency_up{dependency="redis"} 0.0' in told

        await eventually(is_told, "the metrics say that Redis is away")


async def test_check_says_whether_redis_answers(
    variables: dict[str, str],
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
) -> None:
    """Without its password."""
    environ = {
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": temporal_client.namespace,
        **variables,
    }
    works = json.loads((await finished("check", "--json", environ=environ)).stdout)
    assert works["checks"]["redis"]["ok"] is True
    assert variables["WORKFLOW_REDIS_STREAM"] in works["checks"]["redis"]["detail"]
    assert works["settings"]["WORKFLOW_REDIS_TENANTS"] == f"{TENANT},{OTHER}"
    away = {**environ, "WORKFLOW_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}
    fails = await finished("check", "--json", environ=away)
    assert fails.code == 1
    assert "hunter2" not in fails.stdout + fails.stderr
    report = json.loads(fails.stdout)
    assert report["checks"]["redis"]["ok"] is False
    assert report["settings"]["WORKFLOW_REDIS_URL"] == "redis://127.0.0.1:1/0"


def test_who_names_redis_without_its_library_is_told(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to install; without a Redis in the settings nobody misses it."""
    monkeypatch.setattr(ingress, "_connect", None)
    settings = ServiceSettings.load(
        {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", **variables}
    )
    with pytest.raises(SettingsError, match=r"workflow-worker\[redis\]"):
        ingress.redis_stream(settings.redis)

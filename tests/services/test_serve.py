"""A worker that serves: probes, keys, metrics, log."""

from __future__ import annotations

from typing import Any

import httpx

from alga_workflows_core.testing.databases import TestDatabases
from tests.services.command import Finished, client, finished, running

HELLO: dict[str, Any] = {
    "id": "hello",
    "name": "Hello",
    "steps": [{"id": "done", "type": "control.return", "value": "hello"}],
}


async def keys(environ: dict[str, str], *arguments: str) -> Finished:
    result = await finished("keys", *arguments, "--tenant", "acme", environ=environ)
    assert result.code == 0, result.stderr
    return result


def assert_refused(answer: httpx.Response) -> None:
    """401 with a problem that says what to do."""
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "ACCESS_DENIED"
    assert answer.json()["remedy"]


async def test_from_an_empty_database_to_a_run_and_back(
    environ: dict[str, str], databases: TestDatabases
) -> None:
    """`migrate`, `keys create`, serve; a key opens the API until it is revoked, and not longer;
    standard output holds the key and nothing else.
    """
    async with databases.empty() as url:
        environ["DATABASE_URL"] = url
        migrated = await finished("migrate", environ=environ)
        assert migrated.code == 0, migrated.stderr
        assert "The schema went from revision none to" in migrated.stdout
        created = await keys(environ, "create", "--name", "laptop", "--role", "author")
        key = created.stdout.removesuffix("\n")
        assert key.startswith("alga_")
        assert "\n" not in key
        assert key not in created.stderr
        async with running(environ=environ) as worker, client(await worker.url(), key) as api:
            await serves_with_the_key_only(api)
            listed = (await keys(environ, "list")).stdout.split()
            assert listed[1:3] == ["author", "valid"]
            await keys(environ, "revoke", listed[0])
            assert_refused(await api.get("/api/v1/runs"))
            assert (await api.get("/readyz")).status_code == 200
            worker.terminate()
            assert await worker.stdout() == ""
            assert key not in worker.output


async def serves_with_the_key_only(api: httpx.AsyncClient) -> None:
    saved = await api.put("/api/v1/definitions/hello/draft", json=HELLO)
    assert saved.status_code == 200, saved.text
    assert (await api.post("/api/v1/definitions/hello/publish")).status_code == 201
    run = await api.post("/api/v1/definitions/hello/runs", json={"wait": 30})
    assert run.status_code == 201, run.text
    assert run.json()["result"] == "hello"
    async with client(str(api.base_url)) as nobody, client(str(api.base_url), "alga_x") as stranger:
        for path in ("/api/v1/runs", "/api/v1/openapi.json", "/health", "/metrics"):
            assert (await api.get(path)).status_code == 200, path
            assert_refused(await nobody.get(path))
            assert_refused(await stranger.get(path))
        assert_refused(await nobody.put("/api/v1/definitions/hello/draft", json=HELLO))
        for path in ("/livez", "/readyz"):
            assert (await nobody.get(path)).status_code == 200, path


async def test_health_metrics_and_the_first_lines_of_the_log(
    environ: dict[str, str], key: str
) -> None:
    """/health has addresses, /metrics ours and the SDK's; one line says what is polled, as whom."""
    environ["WORKFLOW_BUILD_ID"] = "test-17"
    async with running(environ=environ) as worker:
        url = await worker.url()
        async with client(url, key) as api:
            health = (await api.get("/health")).json()
            metrics = (await api.get("/metrics")).text
    assert health["ready"] is True
    assert {"postgresql", "temporal", "service.poller", "service.http"} <= set(health["checks"])
    assert 'alga_dependency_up{dependency="temporal"} 1.0' in metrics
    assert "temporal_worker_start" in metrics
    (line,) = worker.actions("poller.started")
    assert line["queue"] == "workflow-runtime-v2"
    assert line["namespace"] == environ["TEMPORAL_NAMESPACE"]
    assert line["address"] == environ["TEMPORAL_ADDRESS"]
    assert line["build_id"] == "test-17"
    assert str(worker.pid) in line["identity"]
    assert all({"timestamp", "level", "event", "action"} <= set(line) for line in worker.log)
    assert len(worker.log) == len(worker.lines)

"""Jobs over HTTP, and jobs of installed distributions, on a running service."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from alga_temporal_domain.jobs.entry_points import installed_jobs
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.auth import Role
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.secrets.environment import variable
from tests.domain.jobs.host import SECRET, Host, running_host
from tests.domain.service.running import (
    PAYLOAD_KEYS,
    RunningService,
    eventually,
    running_service,
)


def _install(folder: Path, name: str, target: str) -> None:
    """As pip would: a distribution with one entry point."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[alga_temporal_domain.jobs]\n{name} = {target}\n")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """A distribution with the tests' jobs."""
    folder = tmp_path_factory.mktemp("installed")
    _install(folder, "acme-jobs", "tests.domain.jobs.handlers:JOBS")
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest_asyncio.fixture(scope="module")
async def host() -> AsyncGenerator[Host]:
    """One for the module."""
    async with running_host() as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def service(
    installed: None,
    job_environ: dict[str, str],
    temporal_telemetry: TemporalTelemetry,
) -> AsyncGenerator[RunningService]:
    """A service that has the host's secret, may reach this machine, and encrypts payloads."""
    environ = {
        **job_environ,
        "WORKFLOW_HTTP_ALLOW": "127.0.0.0/8",
        "TEMPORAL_PAYLOAD_KEYS": PAYLOAD_KEYS,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable("default", "HOST_KEY"), SECRET)
        async with running_service(environ, temporal_telemetry) as running:
            yield running


async def _state(service: RunningService, job: str, state: str) -> dict[str, object]:
    async def look() -> dict[str, object] | None:
        answer = (await service.ask("GET", f"/v1/jobs/{job}")).json()
        return answer if answer["state"] == state else None

    return await eventually(look, f"{job} is {state}")


async def test_a_job_from_order_to_result(service: RunningService) -> None:
    """Enqueued once by its key, looked at, its result and steps read."""
    headers = {"idempotency-key": uuid4().hex}
    body = {"name": "add", "input": {"left": 1, "right": 2}}
    answers = [await service.ask("POST", "/v1/jobs", body, **headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 200]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = await service.ask(
        "POST", "/v1/jobs", {**body, "input": {"left": 1, "right": 3}}, **headers
    )
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    job = answers[0].json()["id"]
    await _state(service, job, "SUCCEEDED")
    result = await service.ask("GET", f"/v1/jobs/{job}/result")
    assert result.json() == {"result": {"sum": 3}}
    steps = (await service.ask("GET", f"/v1/jobs/{job}/steps")).json()["items"]
    assert [each["name"] for each in steps][-1] == "execution_completed"
    page = await service.ask("GET", "/v1/jobs?state=SUCCEEDED&name=add&limit=1")
    assert [each["id"] for each in page.json()["items"]] == [job]
    assert (await service.ask("GET", "/v1/jobs?since=2099-01-01T00:00:00Z")).json()["items"] == []


async def test_refusals_say_what_to_do(service: RunningService) -> None:
    """Unknown names with a suggestion, input with its place, wrong ways of saying when."""
    refused: tuple[tuple[dict[str, object], int, str, str], ...] = (
        ({"name": "addd", "input": {}}, 422, "JOB_UNKNOWN", "/name"),
        ({"name": "add", "input": {"left": 1}}, 422, "JOB_INPUT_INVALID", "/input/right"),
        ({"name": "add", "startAt": "tomorrow"}, 422, "TIME_INVALID", "/startAt"),
        ({"name": "add", "when": "now"}, 422, "BODY_INVALID", "/when"),
    )
    for body, status, code, path in refused:
        answer = await service.ask("POST", "/v1/jobs", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.json()["path"] == path
    assert "add" in (await service.ask("POST", "/v1/jobs", {"name": "addd"})).json()["remedy"]
    for path in ("", "/steps", "/result"):
        answer = await service.ask("GET", f"/v1/jobs/{uuid4()}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_names_come_with_their_schemas(service: RunningService) -> None:
    """Those of installed distributions."""
    items = (await service.ask("GET", "/v1/jobs/names")).json()["items"]
    found = {each["name"]: each for each in items}
    assert set(found) >= {"add", "flaky", "exclusive"}
    assert found["add"]["description"] == "Adds two numbers."
    assert set(found["add"]["input"]["properties"]) == {"left", "right"}
    assert found["add"]["output"]["properties"]["sum"]["type"] == "integer"


async def test_a_later_job_is_cancelled(service: RunningService) -> None:
    """202, and soon it is; again it is a conflict."""
    body = {"name": "waits", "delay": 3600}
    headers = {"idempotency-key": uuid4().hex}
    job = (await service.ask("POST", "/v1/jobs", body, **headers)).json()
    again = await service.ask("POST", "/v1/jobs", body, **headers)
    assert (again.status_code, again.json()["id"]) == (200, job["id"])
    assert job["startAt"] is not None
    address = f"/v1/jobs/{job['id']}/cancel"
    answer = await service.ask("POST", address, {"reason": "changed my mind"})
    assert answer.status_code == 202
    await _state(service, job["id"], "CANCELED")
    answer = await service.ask("POST", address)
    assert (answer.status_code, answer.json()["code"]) == (409, "JOB_ENDED")


async def test_a_recurring_job_is_kept(service: RunningService) -> None:
    """Made, changed, paused, resumed, triggered, deleted."""
    address = "/v1/jobs/recurring/nightly"
    body = {"name": "halves", "input": {"number": 4}, "cron": "0 3 * * *", "zone": "Europe/Rome"}
    assert (await service.ask("PUT", address, body)).status_code == 201
    changed = await service.ask("PUT", address, {**body, "cron": "0 4 * * *"})
    assert (changed.status_code, changed.json()["inSync"]) == (200, True)
    assert len((await service.ask("GET", address)).json()["nextTimes"]) > 1
    assert (await service.ask("POST", f"{address}/pause")).json()["paused"] is True
    assert (await service.ask("POST", f"{address}/trigger")).status_code == 202

    async def has_run() -> bool:
        return (await service.ask("GET", address)).json()["lastState"] == "SUCCEEDED"

    await eventually(has_run, "the triggered job has run")
    assert (await service.ask("POST", f"{address}/resume")).json()["paused"] is False
    items = (await service.ask("GET", "/v1/jobs/recurring")).json()["items"]
    assert [each["key"] for each in items] == ["nightly"]
    assert (await service.ask("DELETE", address)).status_code == 204
    assert (await service.ask("GET", address)).status_code == 404
    for wrong in ({"name": "halves"}, {**body, "zone": "Mars"}, {**body, "cron": "daily"}):
        assert (await service.ask("PUT", address, wrong)).status_code == 422


async def test_a_host_is_registered_and_calls_back(service: RunningService, host: Host) -> None:
    """By an admin; the callback needs no key but its token."""
    address = "/v1/jobs/handlers/remote.thing"
    body = {"url": host.url, "secret": "HOST_KEY"}
    operator = await service.key(Role.OPERATOR)
    headers = {"authorization": f"Bearer {operator}"}
    assert (await service.ask("PUT", address, body, **headers)).status_code == 403
    assert (await service.ask("PUT", address, body)).status_code == 201
    assert (await service.ask("PUT", address, body)).status_code == 200
    assert (await service.ask("PUT", "/v1/jobs/handlers/add", body)).status_code == 409
    host.says((202, None, 0))
    job = (await service.ask("POST", "/v1/jobs", {"name": "remote.thing", "input": 1})).json()["id"]

    async def is_asked() -> bool:
        return bool(host.asked)

    await eventually(is_asked, "the host is asked")
    url = host.asked[0]["callback"]["url"]
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as stranger:
        progress = {"answer": {"kind": "progress", "fraction": 0.5}}
        assert (await stranger.post(url, json=progress)).json()["state"] == "progress"
        done = {"answer": {"kind": "complete", "result": [1, 2]}}
        assert (await stranger.post(url, json=done)).json()["state"] == "accepted"
        assert (await stranger.post(url, json=done)).json()["duplicate"] is True
        unknown = await stranger.post(f"/v1/jobs/callbacks/{'x' * 43}", json=done)
        assert unknown.status_code == 404
    await _state(service, job, "SUCCEEDED")
    assert (await service.ask("GET", f"/v1/jobs/{job}/result")).json() == {"result": [1, 2]}
    assert (await service.ask("DELETE", address)).status_code == 204


async def test_roles_and_tenants_are_kept_apart(service: RunningService) -> None:
    """A reader enqueues nothing; without a key nothing is seen from elsewhere."""
    reader = {"authorization": f"Bearer {await service.key(Role.READER)}"}
    body = {"name": "add", "input": {"left": 1, "right": 2}}
    assert (await service.ask("POST", "/v1/jobs", body, **reader)).status_code == 403
    assert (await service.ask("GET", "/v1/jobs", **reader)).status_code == 200
    document = (await service.ask("GET", "/openapi.json")).json()
    assert {"/v1/jobs", "/v1/jobs/recurring/{key}", "/v1/jobs/callbacks/{token}"} <= set(
        document["paths"]
    )


@pytest.mark.parametrize("target", ["tests.domain.jobs.no_such:JOBS", "tests.domain.jobs.host:KEY"])
def test_a_broken_distribution_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """The service does not start without saying whose jobs are wrong."""
    _install(tmp_path, "broken-jobs", target)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(SettingsError, match="broken-jobs"):
        installed_jobs()

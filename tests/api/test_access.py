"""Who may do what: keys, roles, tenants, and who is let in without a key under `dev`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from tests.api.service import Service, check_problem, published, ran, returning, saved

NOBODY = "00000000-0000-4000-8000-000000000000"
ROLES = ("reader", "operator", "author", "admin")

SIGNATURE = "signature"

# What a role has to be at least, for every address; `None`: open to all; SIGNATURE: to whoever
# signs what is sent, whatever the key.
MAY: dict[str | None, str] = {
    None: """
        GET /livez
        GET /readyz
    """,
    SIGNATURE: """
        POST /api/v1/webhooks/{nobody}
    """,
    "reader": """
        GET /api/v1/actions
        GET /api/v1/calendars
        GET /api/v1/calendars/{nobody}
        GET /api/v1/calendars/{nobody}/preview
        GET /api/v1/schedules
        GET /api/v1/schedules/{nobody}
        GET /api/v1/schedules/{nobody}/preview
        GET /api/v1/schedules/{nobody}/fires
        GET /api/v1/definitions
        GET /api/v1/definitions/roles
        GET /api/v1/definitions/roles/versions
        GET /api/v1/definitions/roles/versions/1
        GET /api/v1/definitions/roles/versions/1/changes
        GET /api/v1/openapi.json
        GET /api/v1/runs
        GET /api/v1/schemas/definition.json
        POST /api/v1/simulate
        GET /api/v1/runs/{nobody}
        GET /api/v1/runs/{nobody}/steps
        GET /api/v1/runs/{nobody}/waits
        GET /api/v1/events
        GET /api/v1/events/{nobody}
        GET /api/v1/events/{nobody}/explain
        GET /api/v1/deliveries
        GET /api/v1/event-types
        GET /api/v1/event-types/E{nobody}
        GET /api/v1/event-types/E{nobody}/versions
        GET /api/v1/event-policy
        GET /api/v1/tasks
        GET /api/v1/tasks/{nobody}
        GET /health
        GET /metrics
        POST /api/v1/validate
        GET /api/v1/webhooks
        GET /api/v1/webhooks/{nobody}
        GET /api/v1/parked-messages
        GET /api/v1/parked-messages/{nobody}
    """,
    "operator": """
        POST /api/v1/schedules/{nobody}/pause
        POST /api/v1/schedules/{nobody}/resume
        POST /api/v1/schedules/{nobody}/trigger
        POST /api/v1/schedules/{nobody}/backfill
        POST /api/v1/runs/{nobody}/steps/a/b/resolve
        POST /api/v1/waits/{nobody}/resolve
        POST /api/v1/events
        POST /api/v1/events/{nobody}/redeliver
        POST /api/v1/events/redeliver
        POST /api/v1/tasks/{nobody}/claim
        POST /api/v1/tasks/{nobody}/unclaim
        POST /api/v1/tasks/{nobody}/complete
        POST /api/v1/tasks/{nobody}/delegate
        POST /api/v1/tasks/{nobody}/dismiss
        POST /api/v1/definitions/roles/runs
        POST /api/v1/runs/{nobody}/cancel
        POST /api/v1/runs/{nobody}/pause
        POST /api/v1/runs/{nobody}/resume
        POST /api/v1/runs/{nobody}/terminate
        POST /api/v1/parked-messages/{nobody}/retry
    """,
    "author": """
        PUT /api/v1/calendars/{nobody}
        DELETE /api/v1/calendars/{nobody}
        PUT /api/v1/schedules/{nobody}
        DELETE /api/v1/schedules/{nobody}
        PUT /api/v1/event-types/E{nobody}
        PUT /api/v1/definitions/roles/draft
        POST /api/v1/definitions/roles/publish
        POST /api/v1/definitions/roles/pause
        POST /api/v1/definitions/roles/resume
        POST /api/v1/definitions/roles/archive
        POST /api/v1/definitions/roles/activate
        PUT /api/v1/webhooks/{nobody}
        DELETE /api/v1/webhooks/{nobody}
    """,
    "admin": """
        PUT /api/v1/event-policy
    """,
}
ENDPOINTS: list[tuple[str, str, str | None]] = [
    (method, path.replace("{nobody}", NOBODY), role)
    for role, listed in MAY.items()
    for method, path in (line.split() for line in listed.strip().splitlines())
]
DRAFT = returning("roles")


@pytest_asyncio.fixture(scope="module", autouse=True)
async def prepared(service: Service) -> AsyncGenerator[None]:
    await published(service.api, DRAFT)
    yield


# What fits an address: the first entry whose text is in it.
BODIES: list[tuple[str, Any]] = [
    ("/webhooks/", {"eventName": "PAID", "secret": "SHOP"}),
    ("/steps/", {"do": "retry"}),
    ("/calendars/", {"zone": "UTC"}),
    ("/event-types/", {}),
    ("/event-policy", {"unknownTypes": "accept"}),
    ("/backfill", {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}),
    ("/complete", {"answer": 1}),
    ("/delegate", {"to": "ada"}),
    ("/tasks/", {}),
    ("/redeliver", {}),
    ("/events", {"specversion": "1.0", "id": "1", "source": "test", "type": "TOLD"}),
    ("/simulate", {"definition": DRAFT}),
    ("/definitions/roles/runs", {"wait": 30}),
]
WITHOUT = ("/publish", "/pause", "/resume", "/archive", "/activate", "/resolve", "/trigger")


def body_for(method: str, path: str) -> Any:
    """A body that fits its address."""
    if "/schedules/" in path and method == "PUT":
        return {"definition": "roles", "when": {"kind": "cron", "cron": "0 8 * * *"}}
    found = next((body for part, body in BODIES if part in path), None)
    return found if found is not None else {} if path.endswith(WITHOUT) else DRAFT


async def ask(service: Service, method: str, path: str, key: str | None) -> httpx.Response:
    """A request to the service that needs a key, with a body that fits its address."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = body_for(method, path)
    async with httpx.AsyncClient(
        base_url=service.locked_url, headers=headers, timeout=30
    ) as client:
        return await client.request(method, path, json=None if method == "GET" else body)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_its_own_and_what_lower_ones_may(service: Service, role: str) -> None:
    """Each address of the API against each role."""
    key = await service.key(role)
    for method, path, needed in ENDPOINTS:
        answer = await ask(service, method, path, key)
        if needed == SIGNATURE:
            check_problem(answer, 401, "ACCESS_DENIED")
            assert answer.headers["www-authenticate"] == "Webhook-Signature"
        elif needed is None or ROLES.index(role) >= ROLES.index(needed):
            done = answer.status_code in {200, 201, 202, 204}
            assert done or path.count(NOBODY), (path, answer.text)
            assert answer.status_code not in {401, 403}
        else:
            problem = check_problem(answer, 403, "ACCESS_DENIED")
            assert f"needs the role {needed}; the key has {role}" in problem["detail"]
            assert "www-authenticate" not in answer.headers


async def test_every_address_is_in_the_matrix(service: Service) -> None:
    """A new route has to say here who may use it."""
    described = (await service.api.get("/openapi.json")).json()["paths"]
    routes = {(method.upper(), path) for path, methods in described.items() for method in methods}
    fillings = {
        "{definition_id}": "roles",
        "{number}": "1",
        "{run_id}": NOBODY,
        "{wait_id}": NOBODY,
        "{event_id}": NOBODY,
        "{event_name}": f"E{NOBODY}",
        "{task_id}": NOBODY,
        "{path}": "a/b",
        "{name}": NOBODY,
        "{schedule_id}": NOBODY,
        "{webhook}": NOBODY,
        "{message_id}": NOBODY,
    }
    listed = {(method, path) for method, path, _ in ENDPOINTS}
    for method, path in routes:
        for name, value in fillings.items():
            path = path.replace(name, value)  # noqa: PLW2901
        assert (method, path) in listed
    assert len(routes) == len(listed)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "alga_key-without-a-scheme",
        "Bearer alga_unknown",
        "Bearer \xff\xfe",
        f"Bearer {'x' * 5000}",
        "Bearer ' OR true --",
    ],
)
async def test_without_a_valid_key_nothing_is_answered(
    service: Service, header: str | None
) -> None:
    """401 with the scheme that is asked for; the key is not repeated."""
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    async with httpx.AsyncClient(base_url=service.locked_url, headers=headers) as client:
        for method, path, needed in ENDPOINTS:
            if needed in (None, SIGNATURE):
                continue
            answer = await client.request(method, path)
            check_problem(answer, 401, "ACCESS_DENIED")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert header is None or len(header) < 10 or header[7:] not in answer.text
        assert (await client.get("/livez")).json() == {"live": True}


async def test_nothing_is_read_or_written_before_access_is_known(service: Service) -> None:
    """A bad body with a bad key is answered 401, and no row is changed."""
    reader = await service.key("reader")
    before = await service.content()
    for key, status in ((None, 401), ("alga_unknown", 401), (reader, 403)):
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=service.locked_url, headers=headers) as client:
            for method, path in (
                ("PUT", "/api/v1/definitions/roles/draft"),
                ("POST", "/api/v1/definitions/roles/publish"),
                ("POST", "/api/v1/definitions/roles/runs"),
                ("POST", "/api/v1/definitions/nobody/runs"),
            ):
                answer = await client.request(method, path, content=b"{")
                check_problem(answer, status, "ACCESS_DENIED")
    assert await service.content() == before


async def test_a_revoked_key_is_worth_nothing_at_once(service: Service) -> None:
    """The next request with it is answered 401; other keys stay."""
    revoked, kept = await service.key("admin"), await service.key("admin")
    assert (await ask(service, "GET", "/api/v1/runs", revoked)).status_code == 200
    async with service.storage.unit_of_work("default") as work:
        (newest, *_) = [row for row in await work.api_keys.list() if row.name == "admin"][1:]
        assert await work.api_keys.revoke(newest.id)
    check_problem(await ask(service, "GET", "/api/v1/runs", revoked), 401, "ACCESS_DENIED")
    assert (await ask(service, "GET", "/api/v1/runs", kept)).status_code == 200


async def test_a_key_sees_its_own_tenant_and_no_other(service: Service) -> None:
    """What belongs to somebody else is answered as if there were no such thing."""
    async with (
        service.client(await service.key("admin", tenant="acme")) as acme,
        service.client(await service.key("admin", tenant="globex")) as globex,
    ):
        await published(acme, returning("mine", "acme"))
        run = await ran(acme, "mine")
        for path in (
            "/definitions/mine",
            "/definitions/mine/versions",
            "/definitions/mine/versions/1",
            f"/runs/{run['runId']}",
            f"/runs/{run['runId']}/steps",
        ):
            assert (await acme.get(path)).status_code == 200
            check_problem(await globex.get(path), 404, "NOT_FOUND")
        for path in ("/definitions/mine/runs", "/definitions/mine/publish"):
            check_problem(await globex.post(path), 404, "NOT_FOUND")
        assert (await globex.get("/definitions")).json()["items"] == []
        assert (await globex.get("/runs")).json()["items"] == []

        await published(globex, returning("mine", "globex"))
        assert (await ran(globex, "mine"))["result"] == "globex"
        assert (await ran(acme, "mine"))["result"] == "acme"
        (own,) = (await globex.get("/runs")).json()["items"]
        assert UUID(own["runId"]) != UUID(run["runId"])
        assert own["createdBy"].startswith("key:")


async def test_the_same_key_for_repeats_is_two_tenants_two_runs(service: Service) -> None:
    """An Idempotency-Key is the tenant's own."""
    ids: set[str] = set()
    for tenant in ("acme-2", "globex-2"):
        async with service.client(await service.key("author", tenant=tenant)) as client:
            await published(client, returning("twin", tenant))
            answer = await client.post(
                "/definitions/twin/runs", json={"wait": 30}, headers={"Idempotency-Key": "order-1"}
            )
            assert (answer.status_code, answer.json()["result"]) == (201, tenant)
            ids.add(answer.json()["runId"])
    assert len(ids) == 2


async def test_a_key_counts_under_dev_too(service: Service) -> None:
    """Whoever shows a key is its holder; a wrong one does not fall back to nobody in particular."""
    reader = await service.key("reader", tenant="dev-reader")
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1") as client:
        as_reader = {"Authorization": f"Bearer {reader}"}
        assert (await client.get("/definitions", headers=as_reader)).json()["items"] == []
        answer = await client.put("/definitions/x/draft", json={"id": "x"}, headers=as_reader)
        check_problem(answer, 403, "ACCESS_DENIED")
        wrong = {"Authorization": "Bearer alga_unknown"}
        check_problem(await client.get("/definitions", headers=wrong), 401, "ACCESS_DENIED")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "127.0.0.2"},
        {"Host": "10.0.0.1"},
        {"Host": "["},
        {"Host": "[::1"},
        {"Host": "localhost:port"},
        {"Host": "evil.example/@localhost"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Host": "localhost:{port}", "Origin": "http://127.0.0.1:{port}"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
    ],
    ids=str,
)
async def test_what_others_made_a_browser_or_proxy_send_needs_a_key(
    service: Service, headers: dict[str, str]
) -> None:
    """Under `dev` only this machine is let in, and only when it speaks for itself."""
    answer = await raw(service.url, headers)
    check_problem(answer, 401, "ACCESS_DENIED")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost"},
        {"Host": "localhost:{port}"},
        {"Host": "LOCALHOST:{port}"},
        {"Host": "[::1]:{port}"},
        {"Host": "127.0.0.1:{port}", "Origin": "http://127.0.0.1:{port}"},
        {"Host": "localhost:{port}", "Origin": "http://localhost:{port}"},
    ],
    ids=str,
)
async def test_this_machine_is_let_in_under_dev(service: Service, headers: dict[str, str]) -> None:
    """Addressed by a loopback name, from no other page than its own."""
    answer = await raw(service.url, headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("second", ["evil.example", "localhost"])
async def test_a_request_has_one_host(service: Service, second: str) -> None:
    """Two of them would leave open which one somebody else has looked at."""
    answer = await raw(service.url, {"Host": f"localhost\r\nHost: {second}"})
    assert answer.status_code == 400


async def test_a_request_without_a_host_needs_a_key(service: Service) -> None:
    """HTTP/1.0 may leave it out; then nobody can tell how this machine was addressed."""
    check_problem(await raw(service.url, {}, version="1.0"), 401, "ACCESS_DENIED")


async def raw(url: str, headers: dict[str, str], *, version: str = "1.1") -> httpx.Response:
    """GET /api/v1/runs with exactly these headers; `{port}` is the service's."""
    port = urlsplit(url).port
    host = {"Host": f"127.0.0.1:{port}"} if version == "1.1" else {}
    sent = {**host, "Connection": "close", **headers}
    lines = [f"{name}: {value.format(port=port)}" for name, value in sent.items()]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([f"GET /api/v1/runs HTTP/{version}", *lines, "", ""]).encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    found = dict(field.split(": ", 1) for field in fields)
    found.pop("transfer-encoding", None)
    return httpx.Response(int(status.split()[1]), headers=found, content=body)


async def test_a_draft_is_signed_by_its_author(service: Service) -> None:
    """Rows say which key wrote them; under `dev` without a key it is `dev`."""
    async with service.client(await service.key("author")) as author:
        await saved(author, returning("signed"))
    shown = (await service.api.get("/definitions/signed")).json()
    assert shown["createdBy"].startswith("key:")
    await saved(service.api, returning("signed", 2))
    again = (await service.api.get("/definitions/signed")).json()
    assert (again["createdBy"], again["updatedBy"]) == (shown["createdBy"], "dev")

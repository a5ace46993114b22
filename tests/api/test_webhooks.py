"""Webhooks: what is signed with their secret becomes an event of their tenant, once."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from alga_workflows_core.actions.builtin.events import MAX_DATA_BYTES
from alga_workflows_core.events.webhook_signatures import sign
from alga_workflows_core.storage.event_rows import EventFilter, EventRow
from tests.api.service import Service, check_problem, published, returning, saved

KEY, OLD_KEY = os.urandom(32), os.urandom(32)
DEADLINE_SECONDS = 20


def secret_of(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets of tenants, as the process's environment has them."""
    for tenant in ("DEFAULT", "ACME", "GLOBEX"):
        monkeypatch.setenv(f"WORKFLOW_SECRET_{tenant}__SHOP", secret_of(KEY))
        monkeypatch.setenv(f"WORKFLOW_SECRET_{tenant}__SHOP_OLD", secret_of(OLD_KEY))
    monkeypatch.setenv("WORKFLOW_SECRET_DEFAULT__WEAK", "whsec_c2hvcnQ=")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message, and the keys that it is signed with."""

    body: bytes = b'{"order": {"id": 17}}'
    message_id: str = ""
    timestamp: int = 0
    keys: tuple[bytes, ...] = (KEY,)

    def headers(self) -> dict[str, str]:
        signatures = [sign(key, self.message_id, self.timestamp, self.body) for key in self.keys]
        return {
            "webhook-id": self.message_id,
            "webhook-timestamp": str(self.timestamp),
            "webhook-signature": " ".join(signatures),
        }


def message(**members: Any) -> Sent:
    """A message of now, with an id of its own and of these members."""
    return replace(Sent(message_id=f"msg_{uuid4().hex}", timestamp=int(time.time())), **members)


async def send(service: Service, path: str, sent: Sent, **headers: str) -> httpx.Response:
    """Post a message, without an API key, to the service that wants keys."""
    async with httpx.AsyncClient(base_url=service.locked_url) as client:
        return await client.post(path, content=sent.body, headers={**sent.headers(), **headers})


async def put(api: httpx.AsyncClient, name: str, **members: Any) -> dict[str, Any]:
    """Set a webhook, and what that answers."""
    answer = await api.put(
        f"/webhooks/{name}", json={"eventName": "ORDER_PAID", "secret": "SHOP", **members}
    )
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def events(service: Service, tenant: str, source: str) -> list[EventRow]:
    """What the tenant's inbox has of that source."""
    async with service.storage.unit_of_work(tenant) as work:
        heads = await work.events.list(EventFilter(source=source), after=None, limit=10)
        rows = [await work.events.get(head.id) for head in heads]
    return [row for row in rows if row is not None]


async def ended(api: httpx.AsyncClient, definition: str) -> list[dict[str, Any]]:
    """The runs of a definition, once there is one and all have ended."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            listed = (await api.get("/runs", params={"limit": 500})).json()["items"]
            runs = [run for run in listed if run["definitionId"] == definition]
            if runs and all(run["status"] == "SUCCEEDED" for run in runs):
                return [(await api.get(f"/runs/{run['runId']}")).json() for run in runs]
            await asyncio.sleep(0.05)


async def test_a_signed_message_starts_the_run_that_is_triggered_by_it(service: Service) -> None:
    """Without an API key, once for each message however often it is sent."""
    trigger = {
        "type": "event",
        "eventName": "WEBHOOK_PAID",
        "filters": [{"path": "source", "op": "=", "value": "webhook:starter"}],
        "payloadMapping": {"order": {"$expr": "event.payload.order.id"}},
    }
    await published(service.api, returning("on-paid", {"$expr": "payload.order"}, trigger=trigger))
    webhook = await put(service.api, "starter", eventName="WEBHOOK_PAID")
    sent = message()
    first = await send(service, webhook["path"], sent)
    assert (first.status_code, first.json()) == (
        202,
        {"eventId": sent.message_id, "source": "webhook:starter", "duplicate": False},
    )
    again = await send(service, webhook["path"], sent)
    assert (again.status_code, again.json()) == (200, {**first.json(), "duplicate": True})
    # A sender's next attempt has its own timestamp.
    later = replace(sent, timestamp=sent.timestamp + 1)
    assert (await send(service, webhook["path"], later)).status_code == 200
    (run,) = await ended(service.api, "on-paid")
    assert (run["result"], run["triggerType"]) == (17, "event")


async def test_a_message_ends_the_wait_for_its_key(service: Service) -> None:
    """Key and id of the event come from where the webhook says."""
    wait = {
        "id": "paid",
        "type": "event.wait",
        "config": {
            "eventName": "KEYED_PAID",
            "correlationKey": {"$expr": "payload.order"},
            "timeout": "PT1H",
            "assign": {"vars.by": {"$expr": "event.id"}},
        },
    }
    end = {"id": "end", "type": "control.return", "value": {"$expr": "vars.by"}}
    await published(service.api, {"id": "waiter", "name": "Waiter", "steps": [wait, end]})
    webhook = await put(
        service.api,
        "keyed",
        eventName="KEYED_PAID",
        keyPath="payload.order.id",
        idPath="payload.ref",
    )
    for order in ("17", "18"):
        await service.api.post("/definitions/waiter/runs", json={"payload": {"order": order}})
    for order in (17, "18"):
        body = json.dumps({"order": {"id": order}, "ref": f"r{order}"}).encode()
        answer = await send(service, webhook["path"], message(body=body))
        assert answer.json()["eventId"] == f"r{order}"
    # Another message about the same is the same event.
    assert (await send(service, webhook["path"], message(body=body))).status_code == 200
    runs = await ended(service.api, "waiter")
    assert sorted(run["result"] for run in runs) == ["r17", "r18"]


async def test_without_what_a_path_leads_to_the_message_has_no_key_and_its_own_id(
    service: Service,
) -> None:
    """Null counts as nothing."""
    webhook = await put(
        service.api, "pathless", keyPath="payload.order.key", idPath="payload.a.b.c"
    )
    for body in (b"{}", b"[]", b'"text"', b'{"order": {"key": null}, "a": {"b": 1}}'):
        sent = message(body=body)
        assert (await send(service, webhook["path"], sent)).json()["eventId"] == sent.message_id
        (row, *_) = await events(service, "default", "webhook:pathless")
        assert (row.correlation_key, row.data) == (None, json.loads(body))


REFUSALS: dict[str, dict[str, Any]] = {
    "another key": {"keys": (OLD_KEY,)},
    "no key": {"keys": ()},
    "too old": {"age": 302},
    "too new": {"age": -360},
    "a full stop in its id": {"message_id": "a.b"},
    "no id": {"message_id": ""},
}


async def test_whatever_is_wrong_is_refused_alike(service: Service) -> None:
    """The answer does not tell whether there is such a webhook, nor what is wrong."""
    webhook = await put(service.api, "careful")
    disabled = await put(service.api, "disabled", enabled=False)
    nameless = await put(service.api, "nameless", secret="NOT_SET")
    weak = await put(service.api, "weak", secret="WEAK")
    answers: dict[str, httpx.Response] = {}
    for case, members in REFUSALS.items():
        members = dict(members)  # noqa: PLW2901
        timestamp = int(time.time()) - members.pop("age", 0)
        answers[case] = await send(
            service, webhook["path"], message(timestamp=timestamp, **members)
        )
    for header in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        answers[f"no {header}"] = await send(service, webhook["path"], message(), **{header: ""})
    other = {"webhook-id": "msg_other", "webhook-timestamp": str(int(time.time()) + 60)}
    for header, value in other.items():
        answers[f"other {header}"] = await send(
            service, webhook["path"], message(), **{header: value}
        )
    for case, path in {
        "disabled": disabled["path"],
        "its secret is not set": nameless["path"],
        "its secret is too short": weak["path"],
        "unknown": f"/api/v1/webhooks/{uuid4()}",
        "zero": f"/api/v1/webhooks/{UUID(int=0)}",
        "its name": "/api/v1/webhooks/careful",
        "no id at all": "/api/v1/webhooks/'; --",
    }.items():
        answers[case] = await send(service, path, message())
    async with httpx.AsyncClient(base_url=service.locked_url) as client:
        answers["tampered"] = await client.post(
            webhook["path"], content=b'{"order": {"id": 18}}', headers=message().headers()
        )
        answers["bare"] = await client.post(webhook["path"], json={})
        headers = [*message().headers().items(), ("webhook-id", "msg_second")]
        answers["two ids"] = await client.post(
            webhook["path"], content=message().body, headers=headers
        )
    for case, answer in answers.items():
        check_problem(answer, 401, "ACCESS_DENIED")
        assert answer.headers["www-authenticate"] == "Webhook-Signature", case
    assert len({answer.text for answer in answers.values()}) == 1
    for source in ("careful", "disabled", "nameless", "weak"):
        assert await events(service, "default", f"webhook:{source}") == []


async def test_an_api_key_is_no_signature(service: Service) -> None:
    """Not even an admin's, nor this machine under `dev`."""
    webhook = await put(service.api, "keyless")
    async with service.client(await service.key("admin")) as admin:
        answer = await admin.post(webhook["path"].removeprefix("/api/v1"), json={})
        check_problem(answer, 401, "ACCESS_DENIED")
    answer = await service.api.post(webhook["path"].removeprefix("/api/v1"), json={})
    check_problem(answer, 401, "ACCESS_DENIED")


async def test_the_tolerance_is_the_webhooks_own(service: Service) -> None:
    """A message that is as old as it allows is taken, an older one refused."""
    webhook = await put(service.api, "tolerant", tolerance=1000)
    old = message(timestamp=int(time.time()) - 990)
    assert (await send(service, webhook["path"], old)).status_code == 202
    await put(service.api, "tolerant", tolerance=900)
    check_problem(await send(service, webhook["path"], old), 401, "ACCESS_DENIED")


async def test_while_a_secret_is_rotated_both_count(service: Service) -> None:
    """Until the time that is given, and then only the new one; the address stays."""
    members = {"secret": "SHOP", "previousSecret": "SHOP_OLD"}
    now = datetime.now(UTC)
    first = await put(service.api, "rotated", secret="SHOP_OLD")
    ahead = (now + timedelta(hours=1)).isoformat()
    rotating = await put(service.api, "rotated", **members, previousUntil=ahead)
    assert rotating["path"] == first["path"]
    for keys in ((KEY,), (OLD_KEY,), (OLD_KEY, KEY)):
        answer = await send(service, first["path"], message(keys=keys))
        assert answer.status_code == 202, answer.text
    over = (now - timedelta(seconds=1)).isoformat()
    await put(service.api, "rotated", **members, previousUntil=over)
    assert (await send(service, first["path"], message())).status_code == 202
    answer = await send(service, first["path"], message(keys=(OLD_KEY,)))
    check_problem(answer, 401, "ACCESS_DENIED")


async def test_a_previous_secret_that_is_gone_does_not_stop_the_present_one(
    service: Service,
) -> None:
    """Nor does one that is not there yet stop the previous one."""
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for secret, previous in (("SHOP", "NOT_SET"), ("NOT_SET", "SHOP")):
        webhook = await put(
            service.api, "half", secret=secret, previousSecret=previous, previousUntil=ahead
        )
        assert (await send(service, webhook["path"], message())).status_code == 202


async def test_a_webhook_speaks_for_its_own_tenant(service: Service) -> None:
    """Of two tenants with webhooks and secrets of the same name, each has its own events."""
    async with (
        service.client(await service.key("author", tenant="acme")) as acme,
        service.client(await service.key("author", tenant="globex")) as globex,
    ):
        ours, theirs = await put(acme, "twin"), await put(globex, "twin", enabled=False)
        assert ours["id"] != theirs["id"]
        assert (await send(service, ours["path"], message(message_id="m1"))).status_code == 202
        check_problem(await send(service, theirs["path"], message()), 401, "ACCESS_DENIED")
        assert [row.event_id for row in await events(service, "acme", "webhook:twin")] == ["m1"]
        assert await events(service, "globex", "webhook:twin") == []
        assert (await globex.delete("/webhooks/twin")).status_code == 204
        assert (await acme.get("/webhooks/twin")).status_code == 200
        check_problem(await globex.get("/webhooks/twin"), 404, "NOT_FOUND")
        # The same id of a message is another event of another tenant.
        again = await put(globex, "twin")
        assert (await send(service, again["path"], message(message_id="m1"))).status_code == 202


def text_of(size: int) -> bytes:
    """JSON of that many bytes."""
    return b'"' + b"x" * (size - 2) + b'"'


async def test_bodies_have_a_limit(service: Service) -> None:
    """Refused by whomever it was sent, and to whatever address."""
    webhook = await put(service.api, "large")
    largest = message(body=text_of(MAX_DATA_BYTES))
    assert (await send(service, webhook["path"], largest)).status_code == 202
    for path in (webhook["path"], f"/api/v1/webhooks/{uuid4()}"):
        for keys in ((KEY,), ()):
            sent = message(body=text_of(MAX_DATA_BYTES + 1), keys=keys)
            check_problem(await send(service, path, sent), 413, "SIZE_LIMIT")
    # Written out as JSON it is larger than it was sent.
    spread = message(body=b"[" + b"1," * 100_000 + b"1]")
    check_problem(await send(service, webhook["path"], spread), 413, "SIZE_LIMIT")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "JSON_SYNTAX"),
        (b"{", 400, "JSON_SYNTAX"),
        (b'{"a": 1, "a": 2}', 400, "JSON_DUPLICATE_KEY"),
        (b"order=17", 400, "JSON_SYNTAX"),
        (b'"\xff"', 400, "JSON_TEXT"),
        (b'{"key": true}', 422, "WEBHOOK_PATH"),
        (b'{"key": 1.5}', 422, "WEBHOOK_PATH"),
        (b'{"key": ["a"]}', 422, "WEBHOOK_PATH"),
        (b'{"key": ""}', 422, "WEBHOOK_PATH"),
        (b'{"key": "a\\u0000b"}', 422, "WEBHOOK_PATH"),
        (b'{"key": "' + b"x" * 513 + b'"}', 422, "WEBHOOK_PATH"),
    ],
)
async def test_what_is_signed_and_is_no_event_is_told_to_its_sender(
    service: Service, body: bytes, status: int, code: str
) -> None:
    """Only whoever has the secret learns what is wrong; nothing is kept."""
    webhook = await put(service.api, "strict", keyPath="payload.key")
    answer = await send(service, webhook["path"], message(body=body))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    check_problem(
        await send(service, webhook["path"], message(body=body, keys=(OLD_KEY,))),
        401,
        "ACCESS_DENIED",
    )
    assert await events(service, "default", "webhook:strict") == []


async def test_the_type_of_the_body_does_not_matter(service: Service) -> None:
    """What counts are the bytes that were signed."""
    webhook = await put(service.api, "plain")
    answer = await send(service, webhook["path"], message(), **{"content-type": "text/plain"})
    assert answer.status_code == 202


async def test_webhooks_are_set_shown_and_removed(service: Service) -> None:
    """A set one keeps its address; one that is made anew has another."""
    first = await service.api.put(
        "/webhooks/kept", json={"eventName": "PAID", "secret": "SHOP", "keyPath": "payload.id"}
    )
    assert first.status_code == 201
    shown = first.json()
    assert shown["path"] == f"/api/v1/webhooks/{shown['id']}"
    assert UUID(shown["id"]).version == 4
    defaults = {"tolerance": 300, "enabled": True, "idPath": None, "previousSecret": None}
    assert shown.items() >= {**defaults, "keyPath": "payload.id", "createdBy": "dev"}.items()
    second = await service.api.put("/webhooks/kept", json={"eventName": "SENT", "secret": "SHOP"})
    assert second.status_code == 200
    changed = second.json()
    assert (changed["id"], changed["eventName"], changed["keyPath"]) == (shown["id"], "SENT", None)
    assert (await service.api.get("/webhooks/kept")).json() == changed
    assert (await service.api.delete("/webhooks/kept")).status_code == 204
    for method in ("GET", "DELETE"):
        answer = await service.api.request(method, "/webhooks/kept")
        check_problem(answer, 404, "NOT_FOUND")
    check_problem(await send(service, shown["path"], message()), 401, "ACCESS_DENIED")
    assert (await put(service.api, "kept"))["id"] != shown["id"]


async def test_webhooks_are_listed_in_pages(service: Service) -> None:
    """By name, all of a tenant and no others."""
    async with service.client(await service.key("author", tenant="lister")) as api:
        for name in ("b", "a", "c"):
            await put(api, name)
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = (await api.get("/webhooks", params={"limit": 2, **after})).json()
            found += [item["name"] for item in page["items"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"secret": secret_of(KEY)}, "/secret"),
        ({"secret": "lower"}, "/secret"),
        ({"eventName": "1"}, "/eventName"),
        ({"tolerance": 0}, "/tolerance"),
        ({"tolerance": 3601}, "/tolerance"),
        ({"tolerance": "300"}, "/tolerance"),
        ({"keyPath": "order.id"}, "/keyPath"),
        ({"keyPath": "payload"}, "/keyPath"),
        ({"idPath": "payload.a[0]"}, "/idPath"),
        ({"previousSecret": "SHOP_OLD"}, "/previousUntil"),
        ({"previousUntil": "2026-11-22T12:00:00Z"}, "/previousSecret"),
        ({"previousSecret": "A", "previousUntil": "2026-11-22T12:00:00"}, "/previousUntil"),
        ({"previousSecret": "A", "previousUntil": 1700000000}, "/previousUntil"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_what_is_wrong_with_a_webhook_is_told(
    service: Service, members: dict[str, Any], path: str
) -> None:
    """With its place, and without a secret that somebody put where a name belongs."""
    answer = await service.api.put(
        "/webhooks/wrong", json={"eventName": "PAID", "secret": "SHOP", **members}
    )
    check_problem(answer, 422, "BODY_INVALID", path=path)
    assert secret_of(KEY) not in answer.text
    check_problem(await service.api.get("/webhooks/wrong"), 404, "NOT_FOUND")


@asynccontextmanager
async def counted(service: Service) -> AsyncGenerator[dict[str, float]]:
    """How much each outcome has been counted more inside, once it is left."""
    counts: dict[str, float] = {}

    async def read() -> dict[str, float]:
        async with service.client(await service.key("reader")) as client:
            text = (await client.get(f"{service.locked_url}/metrics")).text
        lines = [line for line in text.splitlines() if line.startswith("alga_webhooks_total{")]
        return {line.split('"')[1]: float(line.split()[-1]) for line in lines}

    before = await read()
    yield counts
    after = await read()
    counts.update({name: value - before.get(name, 0) for name, value in after.items()})


async def test_messages_are_counted(service: Service) -> None:
    """By what became of them."""
    webhook = await put(service.api, "counted")
    async with counted(service) as counts:
        sent = message()
        for each in (sent, sent, message(keys=()), message(body=b"{")):
            await send(service, webhook["path"], each)
        await send(service, webhook["path"], message(body=text_of(MAX_DATA_BYTES + 1)))
    assert counts == dict.fromkeys(
        ("accepted", "duplicate", "refused", "invalid", "too_large"), 1.0
    )
    assert await saved(service.api, returning("unrelated"))

"""Events are told over HTTP as CloudEvents, listed, and told again without effect."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from alga_workflows_core.api.event_bodies import MAX_BATCH
from alga_workflows_core.events.cloud_event import MAX_DATA_BYTES
from tests.api.inbox import cloud_event, settled, tell, tell_all
from tests.api.service import Service, check_problem

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
FULL: dict[str, Any] = {
    "specversion": "1.0",
    "id": "full-1",
    "source": "/shop/counter",
    "type": "com.example.order.paid",
    "subject": "order/17",
    "correlationkey": "17",
    "time": "2026-01-31T09:00:00.5+01:00",
    "datacontenttype": "application/json",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "data": {"order": 17, "text": "Käse \x00"},
}


async def post(api: httpx.AsyncClient, body: Any, kind: str, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.post("/events", content=content, headers={"content-type": kind, **named})


@pytest.mark.parametrize("kind", [STRUCTURED, f"{STRUCTURED}; charset=utf-8", "application/json"])
async def test_a_structured_event_is_taken_with_all_its_attributes(
    service: Service, kind: str
) -> None:
    """Its row is there when the answer comes; other extensions are not kept."""
    event = {**FULL, "id": kind}
    answer = await post(service.api, event, kind)
    assert answer.status_code == 202, answer.text
    assert answer.json()["duplicate"] is False
    shown = await settled(service.api, answer.json()["eventId"])
    for name in ("receivedAt", "acceptedAt"):
        assert shown.pop(name) is not None
    assert shown == {
        "eventId": answer.json()["eventId"],
        "id": kind,
        "source": "/shop/counter",
        "type": "com.example.order.paid",
        "subject": "order/17",
        "correlationKey": "17",
        "time": "2026-01-31T08:00:00.500000Z",
        "state": "ACCEPTED",
        "refusal": None,
        "publishedByRun": None,
        "forRun": None,
        "data": FULL["data"],
    }


async def test_a_binary_event_has_its_attributes_in_headers(service: Service) -> None:
    """Percent-encoded and perhaps quoted; the body is the data, which may be absent."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "binary-1",
        "ce_source": '"/sh\\"op"',
        "ce_type": "TOLD",
        "ce_subject": "K%C3%A4se%20%E2%82%AC",
        "ce_time": "2026-01-31T09:00:00Z",
        "ce_tracestate": "x",
    }
    answer = await post(service.api, [1, {"a": None}], "application/vnd.order+json", **headers)
    assert answer.status_code == 202, answer.text
    shown = (await service.api.get(f"/events/{answer.json()['eventId']}")).json()
    assert (shown["source"], shown["subject"], shown["correlationKey"]) == (
        '/sh"op',
        "Käse €",
        "Käse €",
    )
    assert shown["data"] == [1, {"a": None}]

    empty = await service.api.post(
        "/events",
        headers={
            "ce-specversion": "1.0",
            "ce-id": "binary-2",
            "ce-source": "s",
            "ce-type": "TOLD",
            "ce-correlationkey": "5",
        },
    )
    assert empty.status_code == 202, empty.text
    shown = (await service.api.get(f"/events/{empty.json()['eventId']}")).json()
    assert (shown["data"], shown["correlationKey"]) == (None, "5")


@pytest.mark.parametrize(
    ("told", "key"),
    [
        ({"correlationkey": "a", "subject": "b"}, "a"),
        ({"correlationkey": 17}, "17"),
        ({"correlationkey": None, "subject": "b"}, "b"),
        ({}, None),
    ],
)
async def test_waits_find_an_event_by_its_key_or_else_by_its_subject(
    service: Service, told: dict[str, Any], key: str | None
) -> None:
    """A whole number is the text that it is written as."""
    event_id = await tell(service.api, "KEYED", **told)
    assert (await service.api.get(f"/events/{event_id}")).json()["correlationKey"] == key


async def test_an_event_that_is_told_again_changes_nothing(service: Service) -> None:
    """Its source and id say which it is: one by one, in one batch, and at once."""
    first = cloud_event("AGAIN", {"n": 1}, id="again-1")
    changed = {**first, "type": "OTHER", "data": {"n": 2}}
    taken = (await post(service.api, first, STRUCTURED)).json()
    again = (await post(service.api, changed, STRUCTURED)).json()
    assert again == {**taken, "duplicate": True}
    shown = (await service.api.get(f"/events/{taken['eventId']}")).json()
    assert (shown["type"], shown["data"]) == ("AGAIN", {"n": 1})

    other = cloud_event("AGAIN", id="again-2")
    items = await tell_all(service.api, [changed, other, other])
    assert [item["duplicate"] for item in items] == [True, False, True]

    fresh = [cloud_event("AGAIN", id=f"again-{number}") for number in range(3, 9)]
    answers = await asyncio.gather(
        *(tell_all(service.api, fresh if turn % 2 else fresh[::-1]) for turn in range(6))
    )
    told = [item for items in answers for item in items]
    assert sum(not item["duplicate"] for item in told) == len(fresh)
    assert len({item["eventId"] for item in told}) == len(fresh)


async def test_a_bad_event_of_a_batch_does_not_hinder_the_others(service: Service) -> None:
    """Each has its answer, the refused ones with what a problem has."""
    events: list[Any] = [
        cloud_event("BATCHED", id="batched-1"),
        {**cloud_event("BATCHED"), "type": "no name"},
        5,
        cloud_event("BATCHED", "x" * MAX_DATA_BYTES),
        cloud_event("BATCHED", id="batched-2"),
    ]
    items = await tell_all(service.api, events)
    assert [item["status"] for item in items] == [202, 422, 422, 413, 202]
    assert items[1]["code"] == "CLOUD_EVENT_INVALID"
    assert (items[1]["path"], [fault["path"] for fault in items[1]["faults"]]) == (
        "/type",
        ["/type"],
    )
    assert items[3]["code"] == "SIZE_LIMIT"
    page = (await service.api.get("/events", params={"type": "BATCHED"})).json()
    # The newest first: they were received in the order of the batch.
    assert [item["id"] for item in page["items"]] == ["batched-2", "batched-1"]
    assert await tell_all(service.api, []) == []
    untyped = await post(service.api, [cloud_event("BATCHED")], "application/json")
    assert [item["status"] for item in untyped.json()["items"]] == [202]


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in FULL.items() if key != name}


INVALID: list[tuple[dict[str, Any], str]] = [
    *((without(name), f"/{name}") for name in ("specversion", "id", "source", "type")),
    (FULL | {"specversion": "0.3"}, "/specversion"),
    (FULL | {"id": ""}, "/id"),
    (FULL | {"id": 5}, "/id"),
    (FULL | {"id": "x" * 513}, "/id"),
    (FULL | {"id": "a\nb"}, "/id"),
    (FULL | {"source": "nul \x00"}, "/source"),
    (FULL | {"type": "has blanks"}, "/type"),
    (FULL | {"type": "T" * 201}, "/type"),
    (FULL | {"subject": ""}, "/subject"),
    (FULL | {"correlationkey": True}, "/correlationkey"),
    (FULL | {"correlationkey": 1.5}, "/correlationkey"),
    (FULL | {"correlationKey": "17"}, "/correlationKey"),
    (FULL | {"time": "2026-01-31"}, "/time"),
    (FULL | {"time": "2026-01-31T09:00:00"}, "/time"),
    (FULL | {"time": "2026-02-31T09:00:00Z"}, "/time"),
    (FULL | {"time": "0001-01-01T00:00:00+14:00"}, "/time"),
    (FULL | {"time": 1769850000}, "/time"),
    (FULL | {"datacontenttype": 5}, "/datacontenttype"),
]


@pytest.mark.parametrize(("event", "path"), INVALID)
async def test_what_is_no_event_is_refused_with_the_place(
    service: Service, event: dict[str, Any], path: str
) -> None:
    """And nothing is stored."""
    before = await newest(service)
    problem = check_problem(
        await post(service.api, event, STRUCTURED), 422, "CLOUD_EVENT_INVALID", path=path
    )
    assert problem["faults"][0]["path"] == path
    assert await newest(service) == before


async def newest(service: Service) -> list[str]:
    page = (await service.api.get("/events", params={"limit": 1})).json()
    return [item["eventId"] for item in page["items"]]


async def test_a_wrong_name_of_an_attribute_says_the_right_one(service: Service) -> None:
    """Otherwise an event would be told without the key that it was meant to have."""
    answer = await post(service.api, FULL | {"correlationKey": "17"}, STRUCTURED)
    assert "'correlationkey'" in answer.json()["detail"]


OTHERS: list[tuple[Any, str, dict[str, str], int, str]] = [
    (FULL, "text/plain", {}, 415, "MEDIA_TYPE"),
    (FULL, "", {}, 415, "MEDIA_TYPE"),
    (FULL, "application/cloudevents+avro", {}, 415, "MEDIA_TYPE"),
    (b"<a/>", "text/xml", {"ce_id": "1"}, 415, "MEDIA_TYPE"),
    (b"<a/>", "application/json", {"ce_id": "1"}, 400, "JSON_SYNTAX"),
    (b'{"id": 1, "id": 2}', STRUCTURED, {}, 400, "JSON_DUPLICATE_KEY"),
    (b"[", BATCH, {}, 400, "JSON_SYNTAX"),
    (FULL, BATCH, {}, 422, "CLOUD_EVENT_INVALID"),
    ([FULL], STRUCTURED, {}, 422, "CLOUD_EVENT_INVALID"),
    (5, "application/json", {}, 422, "CLOUD_EVENT_INVALID"),
    ([{}] * (MAX_BATCH + 1), BATCH, {}, 413, "SIZE_LIMIT"),
    ({**without("data"), "data_base64": "AA=="}, STRUCTURED, {}, 422, "DATA_NOT_JSON"),
    (FULL | {"datacontenttype": "text/xml"}, STRUCTURED, {}, 422, "DATA_NOT_JSON"),
    (FULL | {"data": "x" * MAX_DATA_BYTES}, STRUCTURED, {}, 413, "SIZE_LIMIT"),
]


@pytest.mark.parametrize(("body", "kind", "headers", "status", "code"), OTHERS)
async def test_another_body_is_refused(
    service: Service, body: Any, kind: str, headers: dict[str, str], status: int, code: str
) -> None:
    """With what is wrong, and where."""
    answer = await post(service.api, body, kind, **headers)
    check_problem(answer, status, code, path=answer.json().get("path"))
    if code == "MEDIA_TYPE":
        assert answer.json()["path"] == "Content-Type"


async def test_events_are_listed_by_what_they_have(service: Service) -> None:
    """Type, state, source, key and time of receipt; a page leads to the next one."""
    items = await tell_all(
        service.api,
        [
            cloud_event("LISTED", id=f"l{n}", source=f"list/{n % 2}", subject=f"k{n % 3}")
            for n in range(6)
        ],
    )
    ids = [item["eventId"] for item in items]
    first = await settled(service.api, ids[0])
    for event_id in ids:
        await settled(service.api, event_id)

    async def listed(**params: Any) -> list[str]:
        page = (await service.api.get("/events", params={"type": "LISTED", **params})).json()
        assert all("data" not in item for item in page["items"])
        return [item["id"] for item in page["items"]]

    assert await listed() == ["l5", "l4", "l3", "l2", "l1", "l0"]
    assert await listed(source="list/1") == ["l5", "l3", "l1"]
    assert await listed(key="k2") == ["l5", "l2"]
    assert await listed(state="STAGED") == []
    assert len(await listed(state="ACCEPTED")) == 6
    assert await listed(until=first["receivedAt"]) == []
    assert len(await listed(since=first["receivedAt"])) == 6
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (
            await service.api.get("/events", params={"type": "LISTED", "limit": 4, **after})
        ).json()
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == ["l5", "l4", "l3", "l2", "l1", "l0"]
    check_problem(
        await service.api.get("/events", params={"since": "2026-01-01T00:00:00"}),
        422,
        "PARAMETER_INVALID",
        path="since",
    )


async def test_an_event_of_another_tenant_is_not_there(service: Service) -> None:
    """Neither for looking nor for having it tried again, and its id is free."""
    event_id = await tell(service.api, "OURS", id="shared-id")
    async with service.client(await service.key("admin", tenant="others")) as theirs:
        for answer in (
            await theirs.get(f"/events/{event_id}"),
            await theirs.get(f"/events/{event_id}/explain"),
            await theirs.post(f"/events/{event_id}/redeliver"),
        ):
            check_problem(answer, 404, "NOT_FOUND")
        answer = await theirs.post("/events", json=cloud_event("OURS", id="shared-id"))
        assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
        assert answer.json()["eventId"] != event_id

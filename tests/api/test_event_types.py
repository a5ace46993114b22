"""Event types are data of a tenant: what events have to be like, and what they are found by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest_asyncio

from alga_workflows_core.events.accepting import ToJudge
from alga_workflows_core.events.types import JudgesByType
from alga_workflows_core.storage.event_rows import NewEvent, event_row_id
from tests.api.inbox import (
    cloud_event,
    ended,
    explained,
    looking_for,
    runs_of,
    settled,
    start,
    tell,
    tell_all,
    triggered,
    until_outcome,
    waiting_run,
)
from tests.api.service import Service, check_problem, published, returning, saved

TICKET = {
    "type": "object",
    "required": ["ticketId"],
    "properties": {"ticketId": {"type": ["integer", "string"]}, "level": {"type": "integer"}},
}


@pytest_asyncio.fixture(scope="module")
async def api(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    """A tenant of its own: other tests have events that no type knows."""
    async with service.client(await service.key("admin", tenant="typed")) as client:
        yield client


async def put(api: httpx.AsyncClient, name: str, **content: Any) -> httpx.Response:
    answer = await api.put(f"/event-types/{name}", json=content)
    assert answer.is_success, answer.text
    return answer


async def test_a_type_has_versions_of_which_one_is_active(api: httpx.AsyncClient) -> None:
    """Other content is a new version; content that was there before is that version again."""
    first = await put(api, "versioned/a.b", schema=TICKET)
    view = first.json()
    assert (first.status_code, view["version"], view["active"]) == (201, 1, True)
    assert (view["schema"], view["keys"]) == (TICKET, {})
    again = await put(api, "versioned/a.b", schema=TICKET, keys={})
    assert (again.status_code, again.json()) == (200, view)
    second = await put(api, "versioned/a.b", keys={"t": "payload.ticketId"})
    assert (second.status_code, second.json()["version"]) == (201, 2)
    shown = (await api.get("/event-types/versioned/a.b")).json()
    assert (shown["version"], shown["schema"], shown["createdBy"][:4]) == (2, None, "key:")
    back = await put(api, "versioned/a.b", schema=TICKET)
    assert (back.status_code, back.json()["version"]) == (200, 1)
    versions = (await api.get("/event-types/versioned/a.b/versions")).json()["items"]
    assert [(each["version"], each["active"]) for each in versions] == [(2, False), (1, True)]
    listed = (await api.get("/event-types", params={"limit": 500})).json()["items"]
    assert [(each["name"], each["version"]) for each in listed] == [("versioned/a.b", 1)]
    check_problem(await api.get("/event-types/nothing"), 404, "NOT_FOUND")
    check_problem(await api.get("/event-types/nothing/versions"), 404, "NOT_FOUND")


async def test_the_same_content_at_once_makes_one_version(api: httpx.AsyncClient) -> None:
    """And one of several contents is active in the end."""
    answers = await asyncio.gather(
        *(put(api, "RACED", keys={"k": f"payload.k{n % 3}"}) for n in range(9))
    )
    assert {answer.json()["version"] for answer in answers} == {1, 2, 3}
    versions = (await api.get("/event-types/RACED/versions")).json()["items"]
    assert [each["active"] for each in versions].count(True) == 1


async def test_a_type_that_cannot_be_used_is_refused(api: httpx.AsyncClient) -> None:
    """A schema that is none, paths outside the payload, names that no event can have."""
    bad: list[tuple[dict[str, Any], str, str]] = [
        ({"schema": {"type": "thing"}}, "EVENT_TYPE_INVALID", "/schema/type"),
        ({"schema": {"$ref": "#/nowhere"}}, "EVENT_TYPE_INVALID", "/schema/$ref"),
        ({"schema": 5}, "BODY_INVALID", "/schema"),
        ({"keys": {"a": "source"}}, "BODY_INVALID", "/keys/a"),
        ({"keys": {"a": "payload"}}, "BODY_INVALID", "/keys/a"),
        ({"keys": {f"k{n}": "payload.a" for n in range(17)}}, "BODY_INVALID", "/keys"),
        ({"other": 1}, "BODY_INVALID", "/other"),
    ]
    for content, code, path in bad:
        answer = await api.put("/event-types/BAD", json=content)
        check_problem(answer, 422, code, path=path)
    answer = await api.put("/event-types/1bad", json={})
    check_problem(answer, 422, "PARAMETER_INVALID", path="event_name")
    check_problem(await api.get("/event-types/BAD"), 404, "NOT_FOUND")
    large = await api.put("/event-types/BAD", json={"schema": {"title": "x" * 300_000}})
    check_problem(large, 413, "SIZE_LIMIT", path="/schema")


async def test_an_event_that_its_type_refuses_is_not_taken(api: httpx.AsyncClient) -> None:
    """At once, with all places; others of the batch are taken, and so is what came before."""
    await put(api, "CHECKED", schema={"type": "object"})
    former = cloud_event("CHECKED", {"any": 1}, id="former")
    assert (await api.post("/events", json=former)).status_code == 202
    await put(api, "CHECKED", schema=TICKET)
    bad = cloud_event("CHECKED", {"level": "high"})
    answer = await api.post("/events", json=bad)
    problem = check_problem(answer, 422, "EVENT_INVALID", path="/data")
    assert [fault["path"] for fault in problem["faults"]] == ["/data", "/data/level"]
    assert "version 2 of the event type 'CHECKED'" in problem["detail"]
    items = await tell_all(api, [bad, cloud_event("CHECKED", {"ticketId": 1}), former])
    assert [item["status"] for item in items] == [422, 202, 202]
    assert (items[0]["code"], items[2]["duplicate"]) == ("EVENT_INVALID", True)
    page = (await api.get("/events", params={"type": "CHECKED"})).json()["items"]
    assert len(page) == 2


async def test_unknown_types_are_taken_or_refused_as_the_tenant_says(service: Service) -> None:
    """Accepted where nobody has said anything; only an admin says otherwise."""
    async with service.client(await service.key("admin", tenant="strict")) as api:
        assert (await api.get("/event-policy")).json() == {
            "unknownTypes": "accept",
            "updatedAt": None,
            "updatedBy": None,
        }
        await tell(api, "UNKNOWN")
        said = (await api.put("/event-policy", json={"unknownTypes": "refuse"})).json()
        assert said["unknownTypes"] == "refuse"
        assert said["updatedBy"].startswith("key:")
        again = (await api.put("/event-policy", json={"unknownTypes": "refuse"})).json()
        assert again == said
        answer = await api.post("/events", json=cloud_event("UNKNOWN"))
        check_problem(answer, 422, "EVENT_TYPE_UNKNOWN")
        await put(api, "UNKNOWN")
        await tell(api, "UNKNOWN")
        check_problem(
            await api.put("/event-policy", json={"unknownTypes": "maybe"}),
            422,
            "BODY_INVALID",
            path="/unknownTypes",
        )


async def test_an_event_that_was_told_elsewhere_is_refused_with_the_reason(
    service: Service,
) -> None:
    """What a run publishes is stored with its action, so it is REFUSED there, and accepted when the
    type was corrected."""
    async with service.client(await service.key("admin", tenant="corrected")) as api:
        await put(api, "PUBLISHED", schema=TICKET)
        call = {
            "id": "tell",
            "type": "action.call",
            "config": {
                "actionId": "events.publish",
                "version": 1,
                "inputMapping": {"type": "PUBLISHED", "data": {"level": 5}, "id": "from-a-run"},
                "saveAs": "vars.told",
            },
        }
        end = {"id": "end", "type": "control.return", "value": {"$expr": "vars.told"}}
        await published(api, {"id": "teller", "name": "teller", "steps": [call, end]})
        await published(api, triggered("hearer", "PUBLISHED"))
        run = await ended(api, await start(api, "teller"))
        assert run["result"]["duplicate"] is False
        event_id: str = run["result"]["eventId"]
        assert run["result"]["id"] == "from-a-run"
        event = await settled(api, event_id)
        assert (event["state"], event["refusal"]["code"]) == ("REFUSED", "EVENT_INVALID")
        assert event["publishedByRun"] == run["runId"]
        told = await explained(api, event_id)
        assert [each["outcome"] for each in told] == ["refused_by_type", "still_to_be_offered"]
        assert "ticketId" in told[0]["message"]

        again = await api.post(f"/events/{event_id}/redeliver")
        assert again.json() == {"deliveries": 0, "events": 1, "more": False}
        assert (await settled(api, event_id))["state"] == "REFUSED"
        await put(api, "PUBLISHED", schema={"type": "object"})
        which = {"type": "PUBLISHED", "state": "REFUSED"}
        dry = await api.post("/events/redeliver", json={**which, "dryRun": True})
        assert dry.json() == {"deliveries": 0, "events": 1, "more": False}
        await api.post("/events/redeliver", json=which)
        await until_outcome(api, event_id, "run_started")
        (run,) = await runs_of(api, "hearer", 1)
        assert run["result"] == {"level": 5}


async def test_events_are_found_by_the_named_keys_of_their_type(api: httpx.AsyncClient) -> None:
    """Besides by their own key; texts and numbers only."""
    await put(
        api,
        "NAMED",
        keys={"order": "payload.order.id", "ticket": "payload.ticket", "flag": "payload.flag"},
    )
    by_order = await waiting_run(api, "by-order", looking_for("NAMED", key=17))
    by_ticket = await waiting_run(api, "by-ticket", looking_for("NAMED", key="T-1"))
    by_own = await waiting_run(api, "by-own", looking_for("NAMED", key="own"))
    by_flag = await waiting_run(api, "by-flag", looking_for("NAMED", key="true"))
    data = {"order": {"id": 17.0}, "ticket": "T-1", "flag": True}
    event_id = await tell(api, "NAMED", data, key="own")
    told = {each["runId"]: each["outcome"] for each in await explained(api, event_id)}
    assert told == {
        by_order: "taken",
        by_ticket: "taken",
        by_own: "taken",
        by_flag: "other_key",
    }
    # A wait that looks back finds it in the same ways.
    back = await waiting_run(
        api,
        "by-order-later",
        looking_for("NAMED", key="17", lookback="PT1H"),
        looking_for("NAMED", key="18"),
    )
    await tell(api, "NAMED", {"order": {"id": 18}, "ticket": {"no": "key"}})
    assert (await ended(api, back))["result"]["got"] == {
        "order": {"id": 18},
        "ticket": {"no": "key"},
    }


async def test_publishing_knows_the_types(api: httpx.AsyncClient) -> None:
    """Names that were meant otherwise, and fields that no such event has."""
    await put(api, "TICKET_CREATED", schema={**TICKET, "additionalProperties": False})
    document = triggered("told", "TICKET_CREATE")
    (finding,) = (await saved(api, document))["findings"]
    assert (finding["code"], finding["severity"]) == ("EVENT_UNKNOWN", "warning")
    assert "TICKET_CREATED" in finding["suggestion"]
    document = triggered(
        "told",
        "TICKET_CREATED",
        filters=[{"path": "payload.ticket", "op": "=", "value": 1}],
    )
    (finding,) = (await saved(api, document))["findings"]
    assert finding["code"] == "FILTER_PATH_UNKNOWN"
    missing = returning("told", 1, payloadSchemaRef="TICKET_CREATE")
    (finding,) = (await saved(api, missing))["findings"]
    assert (finding["code"], finding["severity"]) == ("PAYLOAD_SCHEMA_REF_UNKNOWN", "error")


async def test_a_tenant_without_types_is_not_told_that_names_are_unknown(service: Service) -> None:
    """It takes any event; but a schema that is to be taken has to be there."""
    async with service.client(await service.key("author", tenant="loose")) as api:
        await published(api, triggered("any", "ANYTHING"))
        document = returning("lost", 1, payloadSchemaRef="ANYTHING")
        (finding,) = (await saved(api, document))["findings"]
        assert finding["code"] == "PAYLOAD_SCHEMA_REF_UNKNOWN"


async def test_a_payload_is_held_against_the_schema_that_the_definition_names(
    api: httpx.AsyncClient,
) -> None:
    """That of the type as it is when the run starts, over HTTP, by an event and by a call."""
    await put(api, "REFERRED", schema=TICKET)
    document = returning("referring", {"$expr": "payload.ticketId"}, payloadSchemaRef="REFERRED")
    trigger: dict[str, Any] = {"type": "event", "eventName": "REFERRED", "filters": []}
    await published(api, {**document, "trigger": trigger})
    refused = await api.post("/definitions/referring/runs", json={"payload": {}})
    check_problem(refused, 422, "PAYLOAD_INVALID", path="/payload")
    ran = await api.post(
        "/definitions/referring/runs", json={"payload": {"ticketId": 5}, "wait": 30}
    )
    assert ran.json()["result"] == 5
    event_id = await tell(api, "REFERRED", {"ticketId": 6})
    await until_outcome(api, event_id, "run_started")

    call: dict[str, Any] = {
        "id": "call",
        "type": "control.callWorkflow",
        "workflowId": "referring",
        "inputMapping": {},
        "mode": "wait",
    }
    caller: dict[str, Any] = {"id": "calling-it", "name": "x", "timeout": "PT5M", "steps": [call]}
    findings = (await saved(api, caller))["findings"]
    assert [finding["code"] for finding in findings] == ["WORKFLOW_INPUT_MISSING"]

    await put(api, "REFERRED", schema={"type": "object"})
    ran = await api.post("/definitions/referring/runs", json={"payload": {}, "wait": 30})
    assert ran.json()["status"] == "SUCCEEDED"


async def test_versions_of_types_are_read_once(service: Service) -> None:
    """A judge that knows a version asks only which one is active."""
    tenant = "judged"
    judge = JudgesByType()
    await put_type(service, tenant, "JUDGED", {"type": "object"})
    assert await refusals(service, judge, tenant, "JUDGED", [{}, 5]) == [None, "EVENT_INVALID"]
    await put_type(service, tenant, "JUDGED", {"type": "integer"})
    assert await refusals(service, judge, tenant, "JUDGED", [{}, 5]) == ["EVENT_INVALID", None]
    deep: Any = []
    for _ in range(3000):
        deep = [deep]
    await put_type(service, tenant, "DEEP", {"items": {"$ref": "#"}})
    assert await refusals(service, judge, tenant, "DEEP", [deep, [1]]) == ["EVENT_INVALID", None]


async def put_type(service: Service, tenant: str, name: str, schema: dict[str, Any]) -> None:
    async with service.client(await service.key("author", tenant=tenant)) as api:
        await put(api, name, schema=schema)


async def refusals(
    service: Service, judge: JudgesByType, tenant: str, name: str, values: list[Any]
) -> list[str | None]:
    """The code of what is said against each, if something is."""
    found: list[str | None] = []
    async with service.storage.unit_of_work(tenant) as work:
        for number, data in enumerate(values):
            new = NewEvent(source="s", event_id=str(number), type=name, data=data)
            row_id = event_row_id(tenant, new.source, new.event_id)
            judged = await judge.judge(work, [ToJudge(id=row_id, type=name, data=data)])
            refusal = judged[row_id].refusal
            found.append(None if refusal is None else refusal.code)
    return found

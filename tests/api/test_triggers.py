"""Events start runs of active versions; what does not start one is kept, told, and tried again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.api.inbox import (
    cloud_event,
    explained,
    published_in_spite_of_warnings,
    runs_of,
    tell,
    tell_all,
    triggered,
    until_outcome,
    until_waiting,
)
from tests.api.service import Service, check_problem, published

STRICT = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


async def by_definition(api: httpx.AsyncClient, event_id: str) -> dict[str, dict[str, Any]]:
    return {each["definitionId"]: each for each in await explained(api, event_id)}


async def test_an_event_starts_the_runs_whose_filters_it_meets(service: Service) -> None:
    """One of each definition, with the payload that its mapping makes; once, however often told."""
    api = service.api
    urgent = [{"path": "payload.priority", "op": "in", "value": ["high", "urgent"]}]
    await published(api, triggered("plain", "CREATED"))
    await published(
        api,
        triggered(
            "mapped",
            "CREATED",
            filters=urgent,
            payloadMapping={
                "ticket": {"$expr": "event.payload.id"},
                "by": {"$expr": "event.source & '/' & system.triggerType"},
            },
        ),
    )
    low = await tell(api, "CREATED", {"id": 1, "priority": "low"})
    await until_outcome(api, low, "run_started")
    for _ in range(2):
        await tell(api, "CREATED", {"id": 2, "priority": "high"}, id="created-2")
    assert [run["result"] for run in await runs_of(api, "plain", 2)] == [
        {"id": 1, "priority": "low"},
        {"id": 2, "priority": "high"},
    ]
    (run,) = await runs_of(api, "mapped", 1)
    assert run["result"] == {"ticket": 2, "by": "shop/event"}
    assert run["triggerType"] == "event"

    told = await by_definition(api, low)
    assert told["plain"]["outcome"] == "run_started"
    assert told["plain"]["runId"] == (await runs_of(api, "plain", 2))[0]["runId"]
    refused = told["mapped"]
    assert (refused["outcome"], refused["version"]) == ("refused_by_trigger", 1)
    assert refused["filter"] == {**urgent[0], "found": "low", "missing": False}


async def test_an_event_that_starts_no_run_is_kept_until_there_is_a_version_that_takes_it(
    service: Service,
) -> None:
    """A mapping that fails, and a payload that does not fit: dead, with the reason, and started
    after a correction."""
    api = service.api
    wrong = triggered("fussy", "FUSSY", payloadMapping={"id": {"$expr": "event.payload.id"}})
    await published_in_spite_of_warnings(api, {**wrong, "payloadSchema": STRICT})
    broken = triggered("broken", "FUSSY", payloadMapping={"id": {"$expr": "$error('no')"}})
    await published_in_spite_of_warnings(api, broken)
    event_id = await tell(api, "FUSSY", {"id": "text"})

    async def is_dead() -> dict[str, dict[str, Any]]:
        async with asyncio.timeout(30):
            while True:
                told = await by_definition(api, event_id)
                if all(each["outcome"] == "dead" for each in told.values()):
                    return told
                await asyncio.sleep(0.05)

    told = await is_dead()
    assert told["fussy"]["delivery"]["error"]["code"] == "PAYLOAD_INVALID"
    assert "/payload/id" in str(told["fussy"]["delivery"]["error"])
    assert told["broken"]["delivery"]["error"]["category"] == "Expression"
    dead = (await api.get("/deliveries", params={"state": "DEAD"})).json()["items"]
    assert {each["definitionId"] for each in dead if each["eventId"] == event_id} == set(told)

    corrected = triggered(
        "fussy", "FUSSY", payloadMapping={"id": {"$expr": "$length(event.payload.id)"}}
    )
    await published_in_spite_of_warnings(api, {**corrected, "payloadSchema": STRICT})
    answer = await api.post(f"/events/{event_id}/redeliver")
    assert (answer.status_code, answer.json()) == (
        202,
        {"deliveries": 2, "events": 0, "more": False},
    )
    (run,) = await runs_of(api, "fussy", 1)
    assert run["result"] == {"id": 4}
    again = await until_outcome(api, event_id, "dead")
    assert again["definitionId"] == "broken"
    answer = await api.post("/events/redeliver", json={"type": "FUSSY", "dryRun": True})
    assert answer.json() == {"deliveries": 1, "events": 0, "more": False}


async def test_an_event_for_one_run_too_many_is_rejected_and_can_be_told_again(
    service: Service,
) -> None:
    """The delivery says so and nothing is started; when there is room, an operator has it tried."""
    api = service.api
    document = triggered("narrow", "NARROW")
    document["concurrency"] = {"limit": 1, "onLimit": "reject"}
    document["steps"].insert(
        0,
        {"id": "rest", "type": "time.wait", "config": {"mode": "duration", "duration": "PT1H"}},
    )
    await published(api, document)
    first = await tell(api, "NARROW", {"n": 1})
    started = await until_outcome(api, first, "run_started")
    second = await tell(api, "NARROW", {"n": 2})
    rejected = await until_outcome(api, second, "rejected")
    assert rejected["definitionId"] == "narrow"
    (delivery,) = (await api.get("/deliveries", params={"state": "REJECTED"})).json()["items"]
    assert delivery["error"]["code"] == "CONCURRENCY_LIMIT"
    assert len((await api.get("/runs", params={"definition": "narrow"})).json()["items"]) == 1

    (wait,) = await until_waiting(api, started["runId"])
    await api.post(f"/waits/{wait['waitId']}/resolve")
    await runs_of(api, "narrow", 1)
    answer = await api.post(f"/events/{second}/redeliver")
    assert answer.is_success, answer.text
    again = await until_outcome(api, second, "run_started")
    (wait,) = await until_waiting(api, again["runId"])
    await api.post(f"/waits/{wait['waitId']}/resolve")
    assert [run["result"] for run in await runs_of(api, "narrow", 2)] == [{"n": 1}, {"n": 2}]


async def test_a_paused_definition_holds_its_events_in_order(service: Service) -> None:
    """Nothing starts until it is resumed; then all do, in the order in which they came."""
    api = service.api
    await published(api, triggered("sleepy", "SLEEPY"))
    await api.post("/definitions/sleepy/pause")
    count = 30
    items = await tell_all(api, [cloud_event("SLEEPY", {"n": n}) for n in range(count)])
    held = await until_outcome(api, items[-1]["eventId"], "held")
    assert held["delivery"]["state"] == "HELD"
    assert (await api.get("/runs", params={"definition": "sleepy"})).json()["items"] == []
    await api.post("/definitions/sleepy/resume")
    runs = await runs_of(api, "sleepy", count)
    assert [run["result"]["n"] for run in runs] == list(range(count))


async def test_what_was_held_for_an_archived_definition_is_gone(service: Service) -> None:
    """And later events are not for it; the reason is told."""
    api = service.api
    await published(api, triggered("leaving", "LEAVING"))
    await api.post("/definitions/leaving/pause")
    event_id = await tell(api, "LEAVING")
    await until_outcome(api, event_id, "held")
    await api.post("/definitions/leaving/archive")
    gone = await until_outcome(api, event_id, "gone")
    assert gone["delivery"]["error"]["code"] == "DEFINITION_NOT_ACTIVE"
    later = await tell(api, "LEAVING")
    (told,) = await explained(api, later)
    assert (told["outcome"], told["definitionId"]) == ("trigger_not_active", "leaving")
    assert "ARCHIVED" in told["message"]
    assert (await api.get("/runs", params={"definition": "leaving"})).json()["items"] == []


async def test_only_the_active_version_starts_runs(service: Service) -> None:
    """One that has no trigger any more starts none; the one before does again when it is active."""
    api = service.api
    await published(api, triggered("turning", "TURNING"))
    without = triggered("turning", "TURNING")
    del without["trigger"]
    await published(api, without)
    (told,) = await explained(api, await tell(api, "TURNING"))
    assert (told["outcome"], told["version"]) == ("trigger_not_active", 1)
    await api.post("/definitions/turning/activate", json={"version": 1})
    event_id = await tell(api, "TURNING", {"n": 1})
    await until_outcome(api, event_id, "run_started")
    (run,) = await runs_of(api, "turning", 1)
    assert (run["version"], run["result"]) == (1, {"n": 1})


async def test_a_target_that_always_fails_holds_up_nobody(service: Service) -> None:
    """Of a thousand events each starts its run, and each is dead and explained for the other."""
    api = service.api
    await published(api, triggered("sound", "MANY"))
    failing = triggered("failing", "MANY", payloadMapping={"id": {"$expr": "event.payload.n"}})
    schema = {"properties": {"id": {"type": "string"}}}
    await published_in_spite_of_warnings(api, {**failing, "payloadSchema": schema})
    count = 1000
    ids: list[str] = []
    for begin in range(0, count, 100):
        events = [cloud_event("MANY", {"n": n}) for n in range(begin, begin + 100)]
        ids += [item["eventId"] for item in await tell_all(api, events)]
    await delivered(service, 240)
    async with service.storage.unit_of_work("default") as work:
        started = await work.runs.list(after=None, limit=2 * count, definition_id="sound")
    assert len(started) == count
    which = {"type": "MANY", "state": "DEAD", "dryRun": True}
    dry = await api.post("/events/redeliver", json=which)
    assert dry.json() == {"deliveries": count, "events": 0, "more": False}
    for event_id in ids[:: count // 10]:
        told = await by_definition(api, event_id)
        assert {name: each["outcome"] for name, each in told.items()} == {
            "sound": "run_started",
            "failing": "dead",
        }
        assert told["failing"]["delivery"]["error"]["code"] == "PAYLOAD_INVALID"


async def test_what_was_given_up_is_tried_again_by_what_it_is(service: Service) -> None:
    """By type, state and time; a second request finds nothing more."""
    api = service.api
    failing = triggered("again", "AGAIN_A", payloadMapping={"n": {"$expr": "event.payload.n"}})
    schema = {"properties": {"n": {"type": "string"}}}
    await published_in_spite_of_warnings(api, {**failing, "payloadSchema": schema})
    items = await tell_all(api, [cloud_event("AGAIN_A", {"n": n}) for n in range(20)])
    dead = [await until_outcome(api, item["eventId"], "dead") for item in items]
    since: str = dead[-1]["delivery"]["createdAt"]
    await published_in_spite_of_warnings(api, failing)

    async def redeliver(**which: Any) -> dict[str, Any]:
        answer = await api.post("/events/redeliver", json=which)
        assert answer.status_code == 202, answer.text
        return answer.json()

    nothing = {"deliveries": 0, "events": 0, "more": False}
    assert await redeliver(type="AGAIN_A", state="REJECTED") == nothing
    assert await redeliver(type="AGAIN_A", state="REFUSED") == nothing
    assert await redeliver(type="AGAIN_B") == nothing
    assert await redeliver(type="AGAIN_A", until="2020-01-01T00:00:00Z") == nothing
    few = await redeliver(type="AGAIN_A", since=since, dryRun=True)
    assert 1 <= few["deliveries"] <= 20
    assert (await redeliver(type="AGAIN_A", state="DEAD"))["deliveries"] == 20
    assert await redeliver(type="AGAIN_A") == nothing
    runs = await runs_of(api, "again", 20)
    assert sorted(run["result"]["n"] for run in runs) == list(range(20))
    check_problem(
        await api.post("/events/redeliver", json={"since": "yesterday"}),
        422,
        "BODY_INVALID",
        path="/since",
    )


async def delivered(service: Service, seconds: float) -> None:
    """Return when no event and no delivery is under way any more."""
    async with asyncio.timeout(seconds):
        while True:
            pending = await service.api.get("/deliveries", params={"state": "PENDING", "limit": 1})
            staged = await service.api.get("/events", params={"state": "STAGED", "limit": 1})
            if not pending.json()["items"] + staged.json()["items"]:
                return
            await asyncio.sleep(0.5)

"""Schedules over HTTP: stored, shown, asked for runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.api.reconciled import eventually
from tests.api.service import Service, check_problem, published, returning, saved

NIGHTLY = {"kind": "cron", "cron": "30 2 * * *"}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
OFFICE = {"zone": "UTC", "weekly": {"monday": ["09:00-17:00"]}}
# A Monday, and the week behind it.
MONDAY = "2026-03-02T{}Z"


@pytest_asyncio.fixture(scope="module")
async def api(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    """The service's API, with the definitions of all tests."""
    await published(service.api, returning("report", {"$expr": "payload"}))
    await published(service.api, returning("strict", payloadSchema=SCHEMA))
    await saved(service.api, returning("drafted"))
    answer = await service.api.put("/calendars/office", json=OFFICE)
    assert answer.status_code == 201, answer.text
    yield service.api


def document(when: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A schedule of `report`."""
    return {"definition": "report", "when": when or NIGHTLY, **members}


async def stored(api: httpx.AsyncClient, schedule: dict[str, Any]) -> str:
    """The id of a new schedule."""
    identity = f"s-{uuid4().hex[:12]}"
    answer = await api.put(f"/schedules/{identity}", json=schedule)
    assert answer.status_code == 201, answer.text
    return identity


async def shown(api: httpx.AsyncClient, identity: str) -> dict[str, Any]:
    """A schedule as it is now."""
    answer = await api.get(f"/schedules/{identity}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def run_of(api: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """A run that has ended."""

    async def ended() -> dict[str, Any] | None:
        run = (await api.get(f"/runs/{run_id}")).json()
        return run if run["closedAt"] is not None else None

    return await eventually(ended)


async def test_a_schedule_is_stored_shown_changed_and_taken_away(api: httpx.AsyncClient) -> None:
    """With its ETag and its next occurrence; the same again changes nothing."""
    identity = f"s-{uuid4().hex[:12]}"
    first = document(zone="Europe/Vienna", name="Nightly report", payload={"a": [1, None]})
    made = await api.put(f"/schedules/{identity}", json=first, headers={"If-None-Match": "*"})
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["document"]) == ("ACTIVE", first)
    assert datetime.fromisoformat(made.json()["nextAt"]) > datetime.now(UTC)
    again = await api.put(f"/schedules/{identity}", json=first)
    assert again.status_code == 200
    assert again.json()["updatedAt"] == made.json()["updatedAt"]
    got = await api.get(f"/schedules/{identity}")
    assert got.headers["etag"] == made.headers["etag"] == again.headers["etag"]

    check_problem(
        await api.put(f"/schedules/{identity}", json=document(), headers={"If-Match": '"another"'}),
        412,
        "SCHEDULE_CHANGED",
        path="If-Match",
    )
    changed = await api.put(
        f"/schedules/{identity}",
        json=document({"kind": "interval", "every": "PT1H"}),
        headers={"If-Match": got.headers["etag"]},
    )
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] != got.headers["etag"]
    check_problem(
        await api.delete(f"/schedules/{identity}", headers={"If-Match": got.headers["etag"]}),
        412,
        "SCHEDULE_CHANGED",
        path="If-Match",
    )
    assert (await api.delete(f"/schedules/{identity}")).status_code == 204
    check_problem(await api.get(f"/schedules/{identity}"), 404, "NOT_FOUND")
    check_problem(await api.delete(f"/schedules/{identity}"), 404, "NOT_FOUND")
    revived = await api.put(f"/schedules/{identity}", json=first)
    assert (revived.status_code, revived.json()["state"]) == (201, "ACTIVE")


async def test_a_definition_has_many_schedules_and_lists_have_pages(api: httpx.AsyncClient) -> None:
    """By id, of one definition or of all."""
    await published(api, returning("listed"))
    expected = sorted([await stored(api, document(definition="listed")) for _ in range(5)])
    found: list[str] = []
    after: str | None = None
    while True:
        query = {"definition": "listed", "limit": "2", **({"after": after} if after else {})}
        page = (await api.get("/schedules", params=query)).json()
        found += [item["scheduleId"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert found == expected
    everything = (await api.get("/schedules", params={"limit": "500"})).json()
    assert set(expected) < {item["scheduleId"] for item in everything["items"]} | {""}


@pytest.mark.parametrize(
    ("members", "code", "path"),
    [
        ({"definition": "nothing"}, "DEFINITION_UNKNOWN", "/definition"),
        ({"definition": "drafted"}, "DEFINITION_NOT_ACTIVE", "/definition"),
        ({"version": 99}, "VERSION_UNKNOWN", "/version"),
        ({"definition": "strict", "payload": {"n": "x"}}, "PAYLOAD_INVALID", "/payload/n"),
        (
            {"calendar": {"calendar": "nothing", "only": "working"}},
            "CALENDAR_UNKNOWN",
            "/calendar/calendar",
        ),
        ({"when": {"kind": "once", "at": "2020-01-01T00:00:00Z"}}, "SCHEDULE_OVER", "/when"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "SCHEDULE_OVER", "/when"),
        ({"when": {"kind": "cron", "cron": "0 0 30 2 *"}}, "BODY_INVALID", "/when/cron/cron"),
        ({"zone": "Vienna"}, "BODY_INVALID", "/zone"),
        ({"catchup": "PT1H"}, "BODY_INVALID", "/catchup"),
    ],
)
async def test_what_could_never_start_a_run_is_not_stored(
    api: httpx.AsyncClient, members: dict[str, Any], code: str, path: str
) -> None:
    """A reader is told what is wrong and where."""
    identity = f"s-{uuid4().hex[:12]}"
    answer = await api.put(f"/schedules/{identity}", json={**document(), **members})
    check_problem(answer, 422, code, path=path)
    check_problem(await api.get(f"/schedules/{identity}"), 404, "NOT_FOUND")


async def test_the_preview_has_a_line_for_each_occurrence(api: httpx.AsyncClient) -> None:
    """With what the clocks and the calendar make of it."""
    nightly = await stored(api, document(zone="Europe/Vienna"))
    answer = await api.get(
        f"/schedules/{nightly}/preview", params={"from": "2027-03-27T00:00:00Z", "count": "3"}
    )
    assert [(line["at"], line["runs"], line["notes"]) for line in answer.json()["lines"]] == [
        ("2027-03-27T02:30:00+01:00", True, []),
        (
            "2027-03-28T03:00:00+02:00",
            True,
            ["02:30 does not exist on 2027-03-28: runs at 03:00."],
        ),
        ("2027-03-29T02:30:00+02:00", True, []),
    ]
    mondays = await stored(api, document(calendar={"calendar": "office", "only": "working"}))
    lines = (await api.get(f"/schedules/{mondays}/preview", params={"count": "7"})).json()["lines"]
    assert [line["runs"] for line in lines].count(True) == 1
    assert all(line["notes"][0].startswith("Skipped: ") for line in lines if not line["runs"])
    for wrong in ({"from": "2027-03-27T00:00:00"}, {"from": "3500-01-01T00:00:00Z"}):
        answer = await api.get(f"/schedules/{nightly}/preview", params=wrong)
        check_problem(answer, 422, "PARAMETER_INVALID", path="from")
    answer = await api.get(f"/schedules/{nightly}/preview", params={"count": "501"})
    check_problem(answer, 422, "PARAMETER_INVALID", path="count")


async def test_a_pause_is_undone_by_a_resume_and_both_may_be_repeated(
    api: httpx.AsyncClient,
) -> None:
    """A change of what is paused leaves it paused."""
    identity = await stored(api, document())
    for verb, state in (("pause", "PAUSED"), ("pause", "PAUSED")):
        answer = await api.post(f"/schedules/{identity}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    await api.put(f"/schedules/{identity}", json=document(zone="Asia/Kolkata"))
    assert (await shown(api, identity))["state"] == "PAUSED"
    for verb, state in (("resume", "ACTIVE"), ("resume", "ACTIVE")):
        answer = await api.post(f"/schedules/{identity}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)


async def test_one_key_triggers_one_run(api: httpx.AsyncClient) -> None:
    """However often and from however many it comes; the run has the schedule's payload."""
    identity = await stored(api, document(payload={"n": 7}))
    asked = [
        api.post(f"/schedules/{identity}/trigger", headers={"Idempotency-Key": "now"})
        for _ in range(8)
    ]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    (run_id,) = {answer.json()["runId"] for answer in answers}
    run = await run_of(api, run_id)
    assert (run["status"], run["result"]) == ("SUCCEEDED", {"n": 7})
    assert (run["triggerType"], run["executionKey"]) == ("schedule", f"{identity}@request:now")
    without = await api.post(f"/schedules/{identity}/trigger")
    assert without.status_code == 201
    assert without.json()["runId"] != run_id
    fires = (await api.get(f"/schedules/{identity}/fires")).json()["items"]
    assert {(fire["cause"], fire["outcome"]) for fire in fires} == {("request", "started")}
    assert len(fires) == 2


async def test_a_run_that_nobody_may_start_is_not_triggered(api: httpx.AsyncClient) -> None:
    """The caller is told why, and nothing is written; a paused schedule may be triggered."""
    await published(api, returning("resting"))
    identity = await stored(api, document(definition="resting"))
    await api.post("/definitions/resting/pause")
    answer = await api.post(f"/schedules/{identity}/trigger")
    check_problem(answer, 409, "DEFINITION_NOT_ACTIVE")
    assert (await api.get(f"/schedules/{identity}/fires")).json()["items"] == []
    await api.post("/definitions/resting/resume")
    await api.post(f"/schedules/{identity}/pause")
    assert (await api.post(f"/schedules/{identity}/trigger")).status_code == 201
    check_problem(await api.post("/schedules/nothing/trigger"), 404, "NOT_FOUND")


async def test_a_backfill_makes_up_for_each_occurrence_once(api: httpx.AsyncClient) -> None:
    """Repeated, overlapping and at the same time as another; what is left out says why."""
    identity = await stored(
        api,
        document(
            {"kind": "cron", "cron": "0 10 * * *"},
            calendar={"calendar": "office", "only": "working"},
        ),
    )
    span = {"from": MONDAY.format("10:00:00"), "to": "2026-03-16T10:00:00Z"}
    shorter = {**span, "to": "2026-03-09T23:00:00Z"}
    url = f"/schedules/{identity}/backfill"
    answers = await asyncio.gather(
        *(api.post(url, json=each) for each in (span, shorter, span, shorter))
    )
    assert {answer.status_code for answer in answers} == {200}
    fires = answers[0].json()["fires"]
    assert [fire["key"] for fire in fires] == [
        f"2026-03-{day:02}T10:00:00Z" for day in range(2, 17)
    ]
    started = {fire["key"]: fire["runId"] for fire in fires if fire["outcome"] == "started"}
    assert sorted(started) == [f"2026-03-{day}T10:00:00Z" for day in ("02", "09", "16")]
    assert {fire["code"] for fire in fires if fire["outcome"] == "skipped"} == {"CALENDAR"}
    assert "2026-03-03 is no working day of 'office'." in {fire["reason"] for fire in fires}
    for answer in answers[1:]:
        known = {each["key"]: each["runId"] for each in answer.json()["fires"] if each["runId"]}
        assert known.items() <= started.items()
    runs = (await api.get("/runs", params={"definition": "report", "limit": "500"})).json()
    keys = [run["executionKey"] for run in runs["items"]]
    assert sorted(key for key in keys if key.startswith(f"{identity}@")) == sorted(
        f"{identity}@{key}" for key in started
    )

    listed: list[str] = []
    after: str | None = None
    while True:
        query = {"limit": "4", **({"after": after} if after else {})}
        page = (await api.get(f"/schedules/{identity}/fires", params=query)).json()
        listed += [fire["key"] for fire in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert listed == [fire["key"] for fire in reversed(fires)]


async def test_a_backfill_of_what_is_skipped_decides_anew(api: httpx.AsyncClient) -> None:
    """Once what was in the way is gone, the same span starts its runs."""
    await published(api, returning("later"))
    identity = await stored(
        api, document({"kind": "interval", "every": "PT1H"}, definition="later")
    )
    await api.post("/definitions/later/pause")
    body = {"from": MONDAY.format("00:00:00"), "to": MONDAY.format("02:59:59")}
    first = (await api.post(f"/schedules/{identity}/backfill", json=body)).json()["fires"]
    assert {(fire["outcome"], fire["code"]) for fire in first} == {("skipped", "DEFINITION_PAUSED")}
    await api.post("/definitions/later/resume")
    again = (await api.post(f"/schedules/{identity}/backfill", json=body)).json()["fires"]
    assert [fire["outcome"] for fire in again] == ["started"] * 3
    assert [fire["key"] for fire in again] == [fire["key"] for fire in first]


@pytest.mark.parametrize(
    ("span", "code", "path"),
    [
        ({"from": MONDAY.format("02:00:00"), "to": MONDAY.format("01:00:00")}, None, "/to"),
        ({"from": MONDAY.format("02:00:00"), "to": "2100-01-01T00:00:00Z"}, None, "/to"),
        (
            {"from": MONDAY.format("00:00:00"), "to": MONDAY.format("08:21:00")},
            "BACKFILL_TOO_LONG",
            "/to",
        ),
        ({"from": "2026-03-02", "to": MONDAY.format("01:00:00")}, "BODY_INVALID", "/from"),
        ({"from": "2026-03-02T00:00:00", "to": "x"}, "BODY_INVALID", "/from"),
        ({"to": MONDAY.format("01:00:00")}, "BODY_INVALID", "/from"),
        ({"from": "1000-01-01T00:00:00Z", "to": "x"}, "BODY_INVALID", "/to"),
    ],
)
async def test_a_span_that_cannot_be_made_up_for_is_refused(
    api: httpx.AsyncClient, span: dict[str, str], code: str | None, path: str
) -> None:
    """Backwards, in the future, too long, or no time at all."""
    identity = await stored(api, document({"kind": "interval", "every": "PT1M"}))
    answer = await api.post(f"/schedules/{identity}/backfill", json=span)
    check_problem(answer, 422, code or "BACKFILL_SPAN", path=path)
    assert (await api.get(f"/schedules/{identity}/fires")).json()["items"] == []


async def test_a_new_version_changes_no_schedule_and_one_without_a_pin_follows_it(
    api: httpx.AsyncClient,
) -> None:
    """Neither drafts nor publishing touch the row; a pinned version is what runs."""
    await published(api, returning("moving", 1))
    follows = await stored(api, document(definition="moving"))
    pinned = await stored(api, document(definition="moving", version=1))
    before = [await shown(api, identity) for identity in (follows, pinned)]
    await saved(api, returning("moving", 2))
    await api.post("/definitions/moving/publish")
    assert [await shown(api, identity) for identity in (follows, pinned)] == before
    results: list[Any] = []
    for identity in (follows, pinned):
        answer = await api.post(f"/schedules/{identity}/trigger")
        results.append((await run_of(api, answer.json()["runId"]))["result"])
    assert results == [2, 1]


async def test_a_calendar_by_which_a_schedule_counts_is_not_taken_away(
    api: httpx.AsyncClient,
) -> None:
    """Until the schedule is."""
    await api.put("/calendars/needed", json=OFFICE)
    identity = await stored(api, document(calendar={"calendar": "needed", "only": "working"}))
    problem = check_problem(await api.delete("/calendars/needed"), 409, "CALENDAR_IN_USE")
    assert f"the schedule '{identity}'" in problem["detail"]
    await api.delete(f"/schedules/{identity}")
    assert (await api.delete("/calendars/needed")).status_code == 204


async def test_next_occurrences_of_a_far_schedule_are_found(api: httpx.AsyncClient) -> None:
    """The next leap day may be years away, and is shown all the same."""
    identity = await stored(api, document({"kind": "cron", "cron": "0 0 29 2 *"}))
    next_at = datetime.fromisoformat((await shown(api, identity))["nextAt"])
    assert (next_at.month, next_at.day) == (2, 29)
    assert next_at - datetime.now(UTC) < timedelta(days=8 * 366)

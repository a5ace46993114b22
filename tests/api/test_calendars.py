"""Calendars over HTTP: stored, shown, previewed, taken away."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from alga_workflows_core.types.canonical import content_hash
from tests.api.service import Service, check_problem, published, returning, saved
from tests.core.simulation.pages import DOCS

OFFICE: dict[str, Any] = {
    "zone": "Europe/Vienna",
    "weekly": {
        day: ["08:00-12:00", "13:00-17:00"]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    },
    "holidays": [{"date": "12-25", "name": "Christmas"}],
    "exceptions": [{"date": "2030-12-24", "hours": ["08:00-12:00"], "name": "Christmas Eve"}],
}
NIGHTS: dict[str, Any] = {"zone": "UTC", "weekly": {"friday": ["22:00-06:00"]}}


def resting(identity: str, calendar: str | None, duration: str = "PT1H") -> dict[str, Any]:
    """A definition that waits for working time inside a block."""
    named = {} if calendar is None else {"calendar": calendar}
    wait = {
        "id": "rest",
        "type": "time.wait",
        "config": {"mode": "businessTime", "duration": duration, **named},
    }
    block = {"id": "maybe", "type": "control.if", "condition": True, "then": [wait]}
    return {"id": identity, "name": identity, "steps": [block]}


async def put(service: Service, name: str, document: Any, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.api.put(f"/calendars/{name}", json=document, headers=names)


async def made(service: Service, name: str, document: Any = NIGHTS) -> str:
    """A stored calendar; its ETag."""
    answer = await put(service, name, document)
    assert answer.status_code in {200, 201}, answer.text
    return answer.headers["etag"]


async def test_a_calendar_is_stored_as_it_was_sent(service: Service) -> None:
    """201 the first time, with its revision, its ETag and who made it."""
    answer = await put(service, "office", OFFICE)
    assert answer.status_code == 201
    view = answer.json()
    assert (view["name"], view["revision"], view["document"]) == ("office", 1, OFFICE)
    assert (view["createdBy"], view["updatedBy"]) == ("dev", "dev")
    assert answer.headers["etag"] == f'"{content_hash(OFFICE)}"' == f'"{view["hash"]}"'
    shown = await service.api.get("/calendars/office")
    assert (shown.json(), shown.headers["etag"]) == (view, answer.headers["etag"])
    assert shown.headers["cache-control"] == "no-store"


async def test_a_change_is_a_new_revision_and_the_same_again_is_none(service: Service) -> None:
    """Members in another order are the same, too."""
    first = (await put(service, "revised", OFFICE)).json()
    same = await put(service, "revised", dict(reversed(OFFICE.items())))
    assert (same.status_code, same.json()) == (200, first)
    changed = await put(service, "revised", NIGHTS)
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)
    assert changed.json()["createdAt"] == first["createdAt"] < changed.json()["updatedAt"]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, None),
        ([], None),
        ({**NIGHTS, "zone": "Europe/Wien"}, "/zone"),
        ({**NIGHTS, "weekly": {"monday": ["08:00-12:00", "8-12"]}}, "/weekly/monday/1"),
        ({**NIGHTS, "holidays": [{"date": "02-30"}]}, "/holidays/0"),
        (
            {**NIGHTS, "exceptions": [{"date": "2030-12-24", "hours": ["x"]}]},
            "/exceptions/0/hours/0",
        ),
        ({**NIGHTS, "rest": 1}, None),
    ],
)
async def test_what_is_no_calendar_is_refused_with_its_place(
    service: Service, document: Any, path: str | None
) -> None:
    """And nothing is stored."""
    content = await service.content()
    answer = await put(service, "broken", document)
    check_problem(answer, 422, "CALENDAR_INVALID", path=path)
    assert await service.content() == content
    bad = await service.api.put("/calendars/broken", content=b'{"zone": "UTC", "zone": "UTC"}')
    check_problem(bad, 400, "JSON_DUPLICATE_KEY", path="/zone")
    named = await put(service, "Support hours", NIGHTS)
    check_problem(named, 422, "PARAMETER_INVALID", path="name")


async def test_calendars_that_are_not_there(service: Service) -> None:
    """404 for each of the addresses."""
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/preview")):
        answer = await service.api.request(method, f"/calendars/nowhere{path}")
        check_problem(answer, 404, "NOT_FOUND")


async def test_calendars_come_by_name(service: Service) -> None:
    """In pages, without their documents, each tenant's own."""
    async with (
        service.client(await service.key("author", tenant="paged")) as api,
        service.client(await service.key("author", tenant="other")) as other,
    ):
        for name in ("late", "early", "a-1", "a.b", "a_b"):
            assert (await api.put(f"/calendars/{name}", json=NIGHTS)).status_code == 201
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = (await api.get("/calendars", params=query)).json()
            found += page["items"]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        names = [item["name"] for item in found]
        assert names == sorted(names) == ["a-1", "a.b", "a_b", "early", "late"]
        assert all("document" not in item for item in found)
        assert (await other.get("/calendars")).json()["items"] == []
        check_problem(await other.get("/calendars/late"), 404, "NOT_FOUND")
        check_problem(await other.delete("/calendars/late"), 404, "NOT_FOUND")
        assert (await other.put("/calendars/late", json=OFFICE)).status_code == 201
        assert (await api.get("/calendars/late")).json()["document"] == NIGHTS


async def test_a_calendar_that_somebody_else_has_changed_stays(service: Service) -> None:
    """412 for the ETag of what was there before, for PUT and DELETE."""
    old = await made(service, "shared", OFFICE)
    new = await made(service, "shared", NIGHTS)
    content = await service.content()
    headers = {"If-Match": old}
    for answer in (
        await put(service, "shared", OFFICE, If_Match=old),
        await service.api.delete("/calendars/shared", headers=headers),
    ):
        problem = check_problem(answer, 412, "CALENDAR_CHANGED", path="If-Match")
        assert "with its ETag as If-Match" in problem["remedy"]
    refused = await put(service, "shared", OFFICE, If_None_Match="*")
    check_problem(refused, 412, "CALENDAR_CHANGED", path="If-None-Match")
    refused = await put(service, f"fresh-{uuid4()}", OFFICE, If_Match="*")
    check_problem(refused, 412, "CALENDAR_CHANGED", path="If-Match")
    assert await service.content() == content
    assert (await put(service, "shared", OFFICE, If_Match=new)).status_code == 200
    removed = await service.api.delete("/calendars/shared", headers={"If-Match": "*"})
    assert (removed.status_code, removed.content) == (204, b"")
    check_problem(await service.api.get("/calendars/shared"), 404, "NOT_FOUND")


async def test_of_writers_at_the_same_time_one_creates(service: Service) -> None:
    """The others are told that there is one now; without a condition all are stored in turn."""
    documents = [{**NIGHTS, "holidays": [{"date": f"01-{day:02}"}]} for day in range(1, 9)]
    answers = await asyncio.gather(
        *(put(service, "raced", each, If_None_Match="*") for each in documents)
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 7
    answers = await asyncio.gather(*(put(service, "raced-freely", each) for each in documents))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert sorted(answer.json()["revision"] for answer in answers) == list(range(1, 9))


async def test_what_a_calendar_means_is_shown_by_day(service: Service) -> None:
    """With offsets, real time, holidays, exceptions and changes of clocks."""
    night = {**OFFICE, "exceptions": [{"date": "2030-10-26", "hours": ["22:00-06:00"]}]}
    await made(service, "shown", {**night, "holidays": [{"date": "10-25", "name": "Day off"}]})
    answer = await service.api.get("/calendars/shown/preview?from=2030-10-24&days=5")
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert view["zone"] == "Europe/Vienna"
    assert [day["weekday"] for day in view["days"]] == [
        *("thursday", "friday", "saturday", "sunday", "monday")
    ]
    thursday, friday, saturday, sunday, monday = view["days"]
    assert thursday == {
        "date": "2030-10-24",
        "weekday": "thursday",
        "openings": [
            {"opens": "2030-10-24T08:00:00+02:00", "closes": "2030-10-24T12:00:00+02:00"},
            {"opens": "2030-10-24T13:00:00+02:00", "closes": "2030-10-24T17:00:00+02:00"},
        ],
        "openMs": 8 * 3_600_000,
        "notes": [],
    }
    assert (friday["openings"], friday["openMs"]) == ([], 0)
    assert friday["notes"] == [{"kind": "holiday", "message": "Holiday: Day off."}]
    assert saturday["notes"] == [{"kind": "exception", "message": "Hours of its own."}]
    assert sunday["openings"] == [
        {"opens": "2030-10-27T00:00:00+02:00", "closes": "2030-10-27T06:00:00+01:00"}
    ]
    assert sunday["openMs"] == 7 * 3_600_000
    assert [note["message"] for note in sunday["notes"]] == [
        "At 03:00 the clocks go back by 1 hour to 02:00."
    ]
    assert monday["openings"][0]["opens"] == "2030-10-28T08:00:00+01:00"


async def test_an_hour_that_comes_twice_is_shown_with_its_offset(service: Service) -> None:
    """Closing at the first 02:30, and opening at the second 02:00, cannot be mixed up."""
    hours = [{"date": "2030-10-27", "hours": ["02:15-02:30"]}]
    await made(service, "twice", {"zone": "Europe/Vienna", "exceptions": hours})
    answer = await service.api.get("/calendars/twice/preview?from=2030-10-27&days=1")
    (day,) = answer.json()["days"]
    assert day["openings"] == [
        {"opens": "2030-10-27T02:15:00+02:00", "closes": "2030-10-27T02:30:00+02:00"}
    ]


async def test_the_page_is_true(service: Service) -> None:
    """What it puts is stored, and what it says the answer is, is the answer."""
    text = (DOCS / "howto" / "calendars.md").read_text(encoding="utf-8")
    document, answer = (
        json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    )
    (put_to,) = re.findall(r"PUT /api/v1(/calendars/[a-z-]+)\n", text)
    (asked,) = re.findall(r"`GET /api/v1(/calendars/\S+/preview\?\S+)`", text)
    assert (await service.api.put(put_to, json=document)).status_code == 201
    assert (await service.api.get(asked)).json() == answer


async def test_a_preview_begins_today(service: Service) -> None:
    """As it is in the calendar's zone, two weeks from then; other days are refused."""
    zone = "Pacific/Kiritimati"
    await made(service, "today", {"zone": zone})
    before = datetime.now(UTC) + timedelta(hours=14)
    days = (await service.api.get("/calendars/today/preview")).json()["days"]
    after = datetime.now(UTC) + timedelta(hours=14)
    assert days[0]["date"] in {before.date().isoformat(), after.date().isoformat()}
    assert len(days) == 14
    for query in ("days=0", "days=367", "from=x", "from=0001-01-01", "from=9999-12-31"):
        answer = await service.api.get(f"/calendars/today/preview?{query}")
        check_problem(answer, 422, "PARAMETER_INVALID", path=query.partition("=")[0])


async def test_only_calendars_that_are_there_can_be_published(service: Service) -> None:
    """An error with the nearest name; a draft is kept all the same."""
    async with service.client(await service.key("author", tenant="strict")) as api:
        assert (await api.put("/calendars/support-hours", json=NIGHTS)).status_code == 201
        draft = await saved(api, resting("named", "support-hour"))
        validated = await api.post("/validate", json=resting("named", "support-hour"))
        assert validated.json()["findings"] == draft["findings"]
        (found,) = draft["findings"]
        assert (found["code"], found["path"]) == (
            "CALENDAR_UNKNOWN",
            "/steps/0/then/0/config/calendar",
        )
        assert "support-hours" in found["suggestion"]
        refused = await api.post("/definitions/named/publish")
        check_problem(refused, 422, "DEFINITION_INVALID")
        await published(api, resting("named", "support-hours"))

        (found,) = (await saved(api, resting("own", None)))["findings"]
        assert (found["code"], found["path"]) == ("CALENDAR_UNKNOWN", "/steps/0/then/0/config")
        assert (await api.put("/calendars/default", json=NIGHTS)).status_code == 201
        assert (await api.post("/definitions/own/publish")).status_code == 201


async def test_a_calendar_that_is_needed_stays(service: Service) -> None:
    """409 says by whom; drafts, former versions and archived definitions do not count."""
    async with service.client(await service.key("author", tenant="needing")) as api:
        for name in ("default", "needed"):
            assert (await api.put(f"/calendars/{name}", json=NIGHTS)).status_code == 201
        await published(api, resting("first", "needed"))
        await published(api, resting("second", "needed"))
        await published(api, resting("own", None))
        # Both name it, but not as a calendar.
        await published(api, returning("talks", "businessTime needed"))
        await saved(api, resting("draft", "needed"))

        refused = await api.delete("/calendars/needed")
        problem = check_problem(refused, 409, "CALENDAR_IN_USE")
        assert problem["usedBy"] == ["the definition 'first'", "the definition 'second'"]
        assert "'first'" in problem["detail"]
        own = check_problem(await api.delete("/calendars/default"), 409, "CALENDAR_IN_USE")
        assert own["usedBy"] == ["the definition 'own'"]

        await published(api, returning("first"))
        assert (await api.post("/definitions/second/pause")).is_success
        problem = check_problem(await api.delete("/calendars/needed"), 409, "CALENDAR_IN_USE")
        assert problem["usedBy"] == ["the definition 'second'"]
        assert (await api.post("/definitions/second/archive")).is_success
        assert (await api.delete("/calendars/needed")).status_code == 204


async def test_many_that_need_a_calendar_are_counted(service: Service) -> None:
    """All are listed, the first few in the sentence."""
    async with service.client(await service.key("author", tenant="crowd")) as api:
        assert (await api.put("/calendars/crowded", json=NIGHTS)).status_code == 201
        ids = [f"many-{number:02}" for number in range(23)]
        for identity in ids:
            await published(api, resting(identity, "crowded"))
        refused = await api.delete("/calendars/crowded")
        problem = check_problem(refused, 409, "CALENDAR_IN_USE")
        assert problem["usedBy"] == [f"the definition {identity!r}" for identity in ids]
        assert problem["detail"].endswith("'many-09', 13 more.")


async def test_publishing_and_taking_away_at_the_same_time(service: Service) -> None:
    """One of the two is refused: no active version names a calendar that is not there."""
    both_ways: set[tuple[int, int]] = set()
    for turn in range(12):
        name = f"passing-{turn}"
        await made(service, name)
        await saved(service.api, resting(f"passing-{turn}", name))
        requests = [
            service.api.post(f"/definitions/passing-{turn}/publish"),
            service.api.delete(f"/calendars/{name}"),
        ]
        if turn % 2:
            requests.reverse()
        answers = await asyncio.gather(*requests)
        codes = [answer.status_code for answer in answers]
        if turn % 2:
            codes.reverse()
        both_ways.add((codes[0], codes[1]))
    assert both_ways <= {(201, 409), (422, 204)}


async def test_a_simulation_counts_by_the_calendars_of_the_tenant(service: Service) -> None:
    """Those of its script come first."""
    await made(service, "simulated", NIGHTS)
    request: dict[str, Any] = {
        "definition": resting("unstored", "simulated", "PT3H"),
        "start": "2030-01-07T12:00:00Z",  # a Monday
    }
    report = (await service.api.post("/simulate", json=request)).json()
    assert (report["status"], report["endedAt"]) == ("SUCCEEDED", "2030-01-12T01:00:00+00:00")
    scripted = {"zone": "UTC", "weekly": {"tuesday": ["08:00-20:00"]}}
    request["calendars"] = {"simulated": scripted}
    report = (await service.api.post("/simulate", json=request)).json()
    assert report["endedAt"] == "2030-01-08T11:00:00+00:00"
    request["calendars"] = []
    answer = await service.api.post("/simulate", json=request)
    check_problem(answer, 422, "SCRIPT_INVALID", path="/calendars")

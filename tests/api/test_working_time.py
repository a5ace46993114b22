"""Runs that wait for working time, by the calendars of their tenant."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.service import Service, published, ran

ALWAYS: dict[str, Any] = {
    "zone": "Europe/Vienna",
    "weekly": {
        day: ["00:00-24:00"]
        for day in (
            *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        )
    },
}
HOUR = timedelta(hours=1)


def rest(duration: Any, calendar: str | None = None) -> dict[str, Any]:
    named = {} if calendar is None else {"calendar": calendar}
    config = {"mode": "businessTime", "duration": duration, **named}
    return {"id": "rest", "type": "time.wait", "config": config}


def resting(identity: str, *steps: dict[str, Any]) -> dict[str, Any]:
    """A definition that answers "rested", or the code of what its steps fail with."""
    catching = {
        "id": "safe",
        "type": "control.tryCatch",
        "try": list(steps),
        "catch": [
            {"id": "code", "type": "control.return", "value": {"$expr": "error.code"}},
        ],
    }
    end = {"id": "end", "type": "control.return", "value": "rested"}
    return {"id": identity, "name": identity, "steps": [catching, end]}


def two_hours(days: tuple[int, int]) -> tuple[dict[str, Any], datetime, datetime]:
    """A calendar that is open from 8 to 9 on two days, so many days from now; both openings."""
    today = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    first, second = (today + timedelta(days=number) for number in days)
    exceptions = [
        {"date": each.date().isoformat(), "hours": ["08:00-09:00"]} for each in (first, second)
    ]
    return {"zone": "UTC", "exceptions": exceptions}, first, second


async def put(api: httpx.AsyncClient, name: str, document: dict[str, Any]) -> None:
    answer = await api.put(f"/calendars/{name}", json=document)
    assert answer.is_success, answer.text


async def started(api: httpx.AsyncClient, identity: str, **members: Any) -> str:
    answer = await api.post(f"/definitions/{identity}/runs", json={"payload": {}, **members})
    assert answer.status_code == 201, answer.text
    return answer.json()["runId"]


async def due(api: httpx.AsyncClient, run_id: str) -> datetime:
    """Until when the run waits, as soon as it does."""
    async with asyncio.timeout(30):
        while True:
            found = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
            if found:
                assert [each["kind"] for each in found] == ["time"]
                return datetime.fromisoformat(found[0]["dueAt"])
            await asyncio.sleep(0.05)


async def cancelled(api: httpx.AsyncClient, *runs: str) -> None:
    for run_id in runs:
        answer = await api.post(f"/runs/{run_id}/cancel", json={"reason": "The test is over."})
        assert answer.is_success, answer.text


@pytest.mark.parametrize("calendar", [None, "always"])
async def test_a_run_goes_on_when_working_time_is_over(
    service: Service, calendar: str | None
) -> None:
    """By the calendar that it names, or the tenant's own; not sooner."""
    await put(service.api, calendar or "default", ALWAYS)
    identity = f"rested-{calendar or 'own'}"
    await published(service.api, resting(identity, rest("PT1.5S", calendar)))
    before = datetime.now(UTC)
    run = await ran(service.api, identity)
    ended = datetime.now(UTC)
    assert (run["status"], run["result"]) == ("SUCCEEDED", "rested")
    rows = (await service.api.get(f"/runs/{run['runId']}/steps")).json()["items"]
    (output,) = [row["output"] for row in rows if row["path"] == "safe/rest"]
    until = datetime.fromisoformat(output["until"])
    assert before + timedelta(seconds=1.5) <= until <= ended


async def test_hours_that_are_far_away_are_counted(service: Service) -> None:
    """Ninety minutes: the hour of one day, and half of that of another."""
    document, _, second = two_hours((3, 5))
    await put(service.api, "far", document)
    await published(service.api, resting("far", rest("PT90M", "far")))
    await published(service.api, resting("far-days", rest("P1DT15M", "far")))
    runs = [await started(service.api, identity) for identity in ("far", "far-days")]
    assert await due(service.api, runs[0]) == second + HOUR / 2
    assert await due(service.api, runs[1]) == second + HOUR / 4
    await cancelled(service.api, *runs)


async def test_a_change_counts_for_waits_that_begin_behind_it(service: Service) -> None:
    """Those that wait already stay; a calendar that is made anew is not taken for the former."""
    first, opens, _ = two_hours((3, 4))
    later, opens_later, _ = two_hours((6, 7))
    await put(service.api, "moved", first)
    await published(service.api, resting("moved", rest("PT10M", "moved")))
    # Not in force, so that the calendar can be taken away.
    await published(service.api, resting("moved", rest("PT1S", "always")))
    runs: list[str] = []
    ten = timedelta(minutes=10)
    for document, expected in ((first, opens), (later, opens_later)):
        await put(service.api, "moved", document)
        runs.append(await started(service.api, "moved", version=1))
        assert await due(service.api, runs[-1]) == expected + ten
    assert (await service.api.delete("/calendars/moved")).status_code == 204
    await put(service.api, "moved", first)
    assert (await service.api.get("/calendars/moved")).json()["revision"] == 1
    runs.append(await started(service.api, "moved", version=1))
    expected = [opens + ten, opens_later + ten, opens + ten]
    assert [await due(service.api, run) for run in runs] == expected
    await cancelled(service.api, *runs)


async def test_each_tenant_counts_by_its_own(service: Service) -> None:
    """Two calendars of the same name."""
    for tenant, days in (("acme-hours", (3, 4)), ("globex-hours", (8, 9))):
        document, opens, _ = two_hours(days)
        async with service.client(await service.key("author", tenant=tenant)) as api:
            await put(api, "default", document)
            await published(api, resting("own", rest("PT1H")))
            run = await started(api, "own")
            assert await due(api, run) == opens + HOUR
            await cancelled(api, run)


@pytest.mark.parametrize("calendar", [None, "gone"])
async def test_a_calendar_that_is_gone_is_an_error_to_catch(
    service: Service, calendar: str | None
) -> None:
    """Of a former version, say; the definition decides what then."""
    tenant = f"gone-{calendar or 'own'}"
    async with service.client(await service.key("author", tenant=tenant)) as api:
        await put(api, calendar or "default", ALWAYS)
        await published(api, resting("missing", rest("PT1S", calendar)))
        await service.execute("DELETE FROM alga_calendars WHERE tenant = :tenant", tenant=tenant)
        run = await ran(api, "missing")
        assert (run["status"], run["result"]) == ("SUCCEEDED", "CALENDAR_UNKNOWN")


async def test_more_than_a_calendar_has_is_an_error_to_catch(service: Service) -> None:
    """As is a text that is no working time."""
    document, _, _ = two_hours((3, 4))
    await put(service.api, "little", document)
    for number, duration in enumerate(("PT3H", {"$expr": "'P1M'"})):
        await published(service.api, resting(f"much-{number}", rest(duration, "little")))
        run = await ran(service.api, f"much-{number}")
        assert (run["status"], run["result"]) == ("SUCCEEDED", "DURATION_INVALID")

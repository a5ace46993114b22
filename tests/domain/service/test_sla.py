"""SLA clocks and outgoing events over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from alga_workflows_core.infra.auth import Role
from tests.domain.service.running import RunningService, eventually

RESPONSE = {"name": "response", "target": "PT1H", "thresholds": [50]}


def name() -> str:
    return f"ticket-{uuid4().hex[:8]}"


async def started(service: RunningService, *clocks: dict[str, Any], **more: Any) -> str:
    """A new item."""
    item = name()
    body = {"clocks": clocks or [RESPONSE], **more}
    answer = await service.ask("POST", f"/v1/sla/{item}/start", body)
    assert answer.status_code == 201, answer.text
    return item


async def test_the_life_of_an_item(service: RunningService) -> None:
    """Started, paused, resumed, given another target and calendar, completed; all of it listed."""
    item = await started(service, RESPONSE, {"name": "resolution", "target": "PT8H"})
    path = f"/v1/sla/{item}"
    again = await service.ask(
        "POST", f"{path}/start", {"clocks": [RESPONSE, {"name": "resolution", "target": "PT8H"}]}
    )
    assert again.status_code == 200, again.text
    other = await service.ask("POST", f"{path}/start", {"clocks": [RESPONSE]})
    assert (other.status_code, other.json()["code"]) == (409, "SLA_EXISTS")

    paused = await service.ask("POST", f"{path}/pause", {"reason": "awaiting_client"})
    assert paused.status_code == 200, paused.text
    clocks = paused.json()["clocks"]
    assert [clock["phase"] for clock in clocks] == ["paused", "paused"]
    assert clocks[0]["pause"]["reason"] == "awaiting_client"
    assert clocks[0]["deadline"] is None
    refused = await service.ask("POST", f"{path}/pause", {"reason": "awaiting_client"})
    assert (refused.status_code, refused.json()["code"]) == (409, "SLA_NOT_RUNNING")
    assert "paused since" in refused.json()["detail"]
    assert (await service.ask("POST", f"{path}/resume")).status_code == 200

    aim = {"clock": "response", "target": "PT2H", "reason": "another priority"}
    first, second = [
        await service.ask("POST", f"{path}/retarget", aim, **{"idempotency-key": item})
        for _ in range(2)
    ]
    assert first.json()["clocks"][0]["target"] == "PT2H"
    assert second.json()["sequence"] == first.json()["sequence"]
    reused = await service.ask(
        "POST", f"{path}/pause", {"reason": "no"}, **{"idempotency-key": item}
    )
    assert (reused.status_code, reused.json()["code"]) == (422, "KEY_REUSED")
    document = {"zone": "Europe/Vienna", "weekly": {"monday": ["08:00-12:00"]}}
    changed = await service.ask("PUT", f"{path}/calendar", {"calendar": document})
    assert changed.json()["calendar"] == document

    done = await service.ask("POST", f"{path}/complete", {"clocks": ["response"]})
    assert done.json()["clocks"][0]["met"] is True
    update = {"clocks": [{"name": "update", "target": "PT30M", "roundTheClock": True}]}
    more = await service.ask("POST", f"{path}/clocks", update)
    assert [clock["name"] for clock in more.json()["clocks"]][-1] == "update"

    async def listed() -> bool:
        soon = (datetime.now(UTC) + timedelta(minutes=16)).isoformat()
        page = await service.http.get("/v1/sla", params={"dueBefore": soon, "limit": 500})
        found = [each for each in page.json()["items"] if each["item"] == item]
        return [(each["nextClock"], each["nextPercent"]) for each in found] == [("update", 50)]

    await eventually(listed, "it is listed with what is next")
    closed = await service.ask("POST", f"{path}/cancel", {"reason": "duplicate"})
    assert closed.json()["isOpen"] is False

    async def kinds() -> list[str] | None:
        page = (await service.ask("GET", f"{path}/changes")).json()
        found = [each["kind"] for each in page["items"]]
        return found if found[-1] == "closed" else None

    assert await eventually(kinds, "it is closed") == [
        "started",
        "clock_started",
        "clock_started",
        "paused",
        "paused",
        "resumed",
        "resumed",
        "retargeted",
        "calendar_changed",
        "completed",
        "clock_started",
        "cancelled",
        "cancelled",
        "closed",
    ]
    view = (await service.ask("GET", path)).json()
    assert view["isOpen"] is False
    events = (await service.ask("GET", "/v1/outgoing-events?limit=500")).json()["items"]
    mine = [each for each in events if each["event"]["subject"] == item]
    assert len(mine) == 14
    assert {each["state"] for each in mine} == {"pending"}, "no receiver is set"


async def test_what_is_due_by_then_is_told_at_once(service: RunningService) -> None:
    """An item that began long ago has breached; a change may be dated back to it."""
    begin = datetime.now(UTC) - timedelta(hours=3)
    item = await started(service, startedAt=begin.isoformat())

    async def breached() -> bool:
        view = (await service.ask("GET", f"/v1/sla/{item}")).json()
        return view["clocks"][0]["breachedAt"] is not None

    await eventually(breached, "it has breached")
    at = (begin + timedelta(hours=2)).isoformat()
    paused = await service.ask("POST", f"/v1/sla/{item}/pause", {"reason": "late", "at": at})
    assert paused.json()["clocks"][0]["elapsed"] == "PT2H"
    early = (begin + timedelta(hours=1)).isoformat()
    refused = await service.ask("POST", f"/v1/sla/{item}/resume", {"at": early})
    assert (refused.status_code, refused.json()["code"]) == (422, "SLA_AT_TOO_EARLY")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"clocks": []}, "/clocks"),
        ({"clocks": [{"name": "response", "target": "P1D"}]}, "/clocks/0/target"),
        ({"clocks": [{"name": "response", "target": "PT0S"}]}, "/clocks/0/target"),
        ({"clocks": [{**RESPONSE, "thresholds": [0]}]}, "/clocks/0/thresholds/0"),
        ({"clocks": [RESPONSE], "calendar": {"zone": "Nowhere"}}, "/calendar"),
        ({"clocks": [RESPONSE], "startedAt": "2999-01-01T00:00:00Z"}, "/startedAt"),
        ({"clocks": [RESPONSE, RESPONSE]}, None),
        ({"clocks": [RESPONSE], "calendar": {"zone": "Europe/Vienna"}}, None),
    ],
)
async def test_what_cannot_be_is_refused_with_its_place(
    service: RunningService, body: dict[str, Any], path: str | None
) -> None:
    """Before anything is kept of it."""
    item = name()
    answer = await service.ask("POST", f"/v1/sla/{item}/start", body)
    assert answer.status_code in (409, 422), answer.text
    assert answer.json().get("path") == path
    assert (await service.ask("GET", f"/v1/sla/{item}")).status_code == 404


async def test_roles_and_tenants_are_kept_apart(service: RunningService) -> None:
    """A reader looks, an operator changes; nobody sees another tenant's items."""
    item = await started(service)
    reader = {"authorization": f"Bearer {await service.key(Role.READER)}"}
    looked = await service.ask("GET", f"/v1/sla/{item}", **reader)
    assert looked.status_code == 200
    denied = await service.ask("POST", f"/v1/sla/{item}/complete", **reader)
    assert denied.status_code == 403
    assert (await service.ask("POST", "/v1/outgoing-events/redeliver", **reader)).status_code == 403
    missing = await service.ask("POST", f"/v1/sla/{name()}/pause", {"reason": "no"})
    assert (missing.status_code, missing.json()["code"]) == (404, "SLA_UNKNOWN")
    again = await service.ask("POST", f"/v1/outgoing-events/{uuid4()}/redeliver")
    assert again.status_code == 404
    assert (await service.ask("POST", "/v1/outgoing-events/redeliver")).json() == {"events": 0}

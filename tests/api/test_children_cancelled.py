"""A caller that ends early takes the runs with it that it waits for, and leaves the others."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.calling import (
    ANSWER,
    call,
    children,
    count,
    definition,
    give,
    publish,
    rest,
    start,
    until,
)
from tests.api.reconciled import BY_ROWS, MakeWorld
from tests.api.service import Service


def cleaning(identity: str) -> dict[str, Any]:
    """A definition that waits for an hour, and counts when it has to stop."""
    steps = {
        "id": "try",
        "type": "control.tryCatch",
        "try": [rest()],
        "finally": [count(f"cleaned-{identity}")],
    }
    return definition(identity, steps, give("rested"))


def both(identity: str, child: str) -> dict[str, Any]:
    """A definition that leaves one child behind and waits for another."""
    return definition(
        identity,
        call(child, step="left", mode="detach"),
        call(child, step="waited"),
        give(ANSWER),
    )


async def begun(api: httpx.AsyncClient, run_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its two children, the one that it left behind first, once both wait."""
    async with asyncio.timeout(30):
        while True:
            found = await children(api, run_id, at_least=2)
            if {child["status"] for child in found} == {"WAITING"}:
                left, waited = found
                return left, waited
            await asyncio.sleep(0.05)


async def test_a_cancelled_caller_waits_for_its_childs_clean_up(service: Service) -> None:
    """The child is cancelled with its finally, then its caller is over; a detached one goes on."""
    api = service.api
    await publish(api, cleaning("tidy"), both("calling-tidy", "tidy"))
    run_id = await start(api, "calling-tidy")
    left, waited = await begun(api, run_id)
    assert (await api.post(f"/runs/{run_id}/cancel", json={})).status_code == 202
    run = await until(api, run_id)
    child = await until(api, waited["runId"])
    assert (run["status"], child["status"]) == ("CANCELED", "CANCELED")
    assert child["closedAt"] <= run["closedAt"]
    steps = (await api.get(f"/runs/{child['runId']}/steps")).json()["items"]
    assert [(each["path"], each["status"]) for each in steps if each["stepId"] == "count"] == [
        ("try/count", "SUCCEEDED")
    ]
    waits = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert [(each["status"], each["resolution"]["status"]) for each in waits] == [
        ("RESOLVED", "CANCELED")
    ]
    assert (await until(api, left["runId"], {"WAITING"}))["parentRunId"] == run_id


@pytest.mark.parametrize("how", ["by us", "behind our back"])
async def test_children_of_a_terminated_caller_are_cancelled(make: MakeWorld, how: str) -> None:
    """Those that it waits for clean up and end; a detached one goes on."""
    world = await make(**BY_ROWS)
    api = world.api
    await publish(api, cleaning("tidy"), both("calling-tidy", "tidy"))
    run_id = await world.start("calling-tidy")
    left, waited = await begun(api, str(run_id))
    if how == "by us":
        answer = await api.post(f"/runs/{run_id}/terminate", json={"reason": "enough"})
        assert answer.status_code == 202, answer.text
    else:
        await world.handle(run_id).terminate("enough")
    run = await until(api, str(run_id))
    assert (run["status"], run["error"]["code"]) == ("FAILED", "TERMINATED")
    child = await until(api, waited["runId"])
    assert (child["status"], child["error"]["code"]) == ("CANCELED", "CANCELED")
    assert child["error"]["message"] == "The run that waited for it has been ended."
    assert (await until(api, left["runId"], {"WAITING"}))["closedAt"] is None
    (wait,) = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert wait["status"] == "CANCELED"


async def test_a_child_that_is_ended_ends_the_wait_for_it(service: Service) -> None:
    """Whoever cancels or terminates the child: its caller gets CHILD_FAILED with that."""
    api = service.api
    await publish(api, cleaning("alone"), definition("asking", call("alone")))
    for how, code, status in (
        ("cancel", "CANCELED", "CANCELED"),
        ("terminate", "TERMINATED", "FAILED"),
    ):
        run_id = await start(api, "asking")
        (child,) = await children(api, run_id, at_least=1)
        await until(api, child["runId"], {"WAITING"})
        answer = await api.post(f"/runs/{child['runId']}/{how}", json={"reason": "by hand"})
        assert answer.status_code == 202, answer.text
        run = await until(api, run_id)
        assert (run["status"], run["error"]["code"]) == ("FAILED", "CHILD_FAILED")
        assert run["error"]["details"] == {"runId": child["runId"], "status": status}
        assert run["error"]["cause"]["code"] == code

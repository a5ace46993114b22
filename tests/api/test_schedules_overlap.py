"""Occurrences that come while a run of their schedule is open: queued, or in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from tests.api.calling import definition, give, publish, rest, run_of, until
from tests.api.reconciled import MakeWorld, World, eventually
from tests.api.test_schedules_fire import EVERY_SECOND, fires, has_fires, stored

SPAN = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:04Z"}


async def wake(world: World, run_id: str) -> None:
    """End the wait of a run."""
    await until(world.api, run_id, {"WAITING"})
    (wait,) = (await world.api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert (await world.api.post(f"/waits/{wait['waitId']}/resolve")).status_code == 202


def begins(world: World, run_id: str) -> Callable[[], Awaitable[bool]]:
    """A condition: the run has begun."""

    async def condition() -> bool:
        return (await run_of(world.api, run_id))["startedAt"] is not None

    return condition


async def test_what_comes_meanwhile_is_queued(make: MakeWorld) -> None:
    """Its run says that it waits for its schedule, and for whom; it begins when that has ended,
    also if the schedule was paused since."""
    world = await make()
    await publish(world.api, definition("report", rest(), give(1)))
    await stored(world, "patient", EVERY_SECOND, overlap="queue")
    found = await eventually(has_fires(world, "patient", 3))
    assert {fire["outcome"] for fire in found} == {"started"}
    first, second, third = [fire["runId"] for fire in found[:3]]
    await world.api.post("/schedules/patient/pause")
    await until(world.api, first, {"WAITING"})
    run = await run_of(world.api, third)
    (blocked,) = run["blockedOn"]
    assert run["status"] == "QUEUED"
    assert blocked.pop("since") >= run["createdAt"]
    assert blocked == {
        "kind": "slot",
        "of": "schedule",
        "id": "patient",
        "key": None,
        "limit": 1,
        "position": 2,
        "holders": [first],
    }
    answer = await world.api.post("/schedules/patient/trigger")
    assert answer.status_code == 201, answer.text
    assert (await run_of(world.api, answer.json()["runId"]))["status"] == "QUEUED"
    await wake(world, first)
    await eventually(begins(world, second))
    assert (await run_of(world.api, third))["blockedOn"][0]["holders"] == [second]


async def test_a_backfill_runs_in_order(make: MakeWorld) -> None:
    """One after the other; with a limit of the definition, too, and whatever the schedule says."""
    world = await make()
    limits: dict[str, Any] = {"concurrency": {"limit": 3}}
    await publish(world.api, definition("report", give(1), **limits))
    await stored(world, "late", EVERY_SECOND, startsAt="2026-01-01T00:00:00Z", overlap="skip")
    await world.api.post("/schedules/late/pause")
    answer = await world.api.post("/schedules/late/backfill", json={**SPAN, "overlap": "queue"})
    ids = [fire["runId"] for fire in answer.json()["fires"]]
    assert len(ids) == 5
    runs = [await until(world.api, run_id) for run_id in ids]
    assert {run["status"] for run in runs} == {"SUCCEEDED"}
    for former, later in pairwise(runs):
        assert former["closedAt"] <= later["startedAt"]
    assert await world.scalar("SELECT count(*) FROM alga_run_slots") == 0


async def test_the_newest_occurrence_takes_the_place_of_the_oldest(make: MakeWorld) -> None:
    """Every second, while each would take an hour: all but the newest are cancelled."""
    world = await make()
    await publish(world.api, definition("report", rest(), give(1)))
    await stored(world, "newest", EVERY_SECOND, overlap="cancelOldest")
    await eventually(has_fires(world, "newest", 4))
    await world.api.post("/schedules/newest/pause")

    async def is_calm() -> bool:
        ids = [fire["runId"] for fire in await fires(world, "newest") if fire["runId"]]
        states = [(await run_of(world.api, run_id))["status"] for run_id in ids]
        return states == ["CANCELED"] * (len(ids) - 1) + ["WAITING"]

    await eventually(is_calm)
    (first, *_) = await fires(world, "newest")
    run = await run_of(world.api, first["runId"])
    assert run["error"]["message"] == "A newer run takes its place."

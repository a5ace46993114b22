"""Schedules that fire: real Temporal, real time, every occurrence decided once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.wanted import wanted_schedule
from alga_workflows_core.temporal.names import schedule_id
from alga_workflows_core.temporal.schedules import TemporalSchedules
from tests.api.reconciled import TENANT, MakeWorld, World, eventually, holding
from tests.api.service import published, returning

EVERY_SECOND = {"kind": "interval", "every": "PT1S"}
SECOND = timedelta(seconds=1)
HOURLY = {"kind": "interval", "every": "PT1H"}
SOON = {"WORKFLOW_SCHEDULE_CHECK": "0.5"}


async def stored(world: World, identity: str, when: dict[str, Any], **members: Any) -> None:
    """Store a schedule of `report`."""
    document = {"definition": "report", "when": when, **members}
    answer = await world.api.put(f"/schedules/{identity}", json=document)
    assert answer.is_success, answer.text


async def fires(world: World, identity: str) -> list[dict[str, Any]]:
    """What became of its occurrences, the oldest first."""
    answer = await world.api.get(f"/schedules/{identity}/fires", params={"limit": "500"})
    return answer.json()["items"][::-1]


async def shown(world: World, identity: str) -> dict[str, Any]:
    """The schedule as it is now."""
    return (await world.api.get(f"/schedules/{identity}")).json()


def once(seconds: float) -> dict[str, Any]:
    """A time so many seconds from now."""
    at = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
    return {"kind": "once", "at": at.isoformat()}


def has_fires(world: World, identity: str, count: int) -> Callable[[], Awaitable[Any]]:
    """A condition: that many occurrences are decided."""

    async def condition() -> list[dict[str, Any]] | None:
        found = await fires(world, identity)
        return found if len(found) >= count else None

    return condition


def is_in(world: World, identity: str, state: str) -> Callable[[], Awaitable[Any]]:
    """A condition: the schedule is in this state."""

    async def condition() -> dict[str, Any] | None:
        found = await shown(world, identity)
        return found if found["state"] == state else None

    return condition


async def exists(world: World, identity: str) -> bool:
    """Whether Temporal knows the schedule."""
    try:
        await world.client.get_schedule_handle(identity).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def runs_of(world: World, identity: str) -> list[str]:
    """The execution keys of the runs that a schedule has started."""
    page = (await world.api.get("/runs", params={"limit": "500"})).json()["items"]
    keys = [run["executionKey"] for run in page if run["triggerType"] == "schedule"]
    return sorted(key for key in keys if key.startswith(f"{identity}@"))


async def test_each_occurrence_starts_one_run_at_its_nominal_time(make: MakeWorld) -> None:
    """Every second, with jitter, by two workers: whole seconds, none left out, none doubled."""
    world = await make()
    await make()
    await published(world.api, returning("report", {"$expr": "payload"}))
    await stored(world, "plain", EVERY_SECOND, payload={"from": "schedule"})
    two_seconds = {"kind": "interval", "every": "PT2S"}
    await stored(world, "jittered", two_seconds, jitter="PT1.5S")
    found = await eventually(has_fires(world, "plain", 6))
    await eventually(has_fires(world, "jittered", 3))
    moments = [datetime.fromisoformat(fire["nominalAt"]) for fire in found]
    assert moments == [moments[0] + timedelta(seconds=number) for number in range(len(moments))]
    assert {(fire["cause"], fire["outcome"]) for fire in found} == {("time", "started")}
    for fire in await fires(world, "jittered"):
        assert datetime.fromisoformat(fire["nominalAt"]).second % 2 == 0
    for identity in ("plain", "jittered"):
        await world.api.post(f"/schedules/{identity}/pause")
        decided = [fire["key"] for fire in await fires(world, identity) if fire["runId"]]
        assert await runs_of(world, identity) == [f"{identity}@{key}" for key in decided]
    run = (await world.api.get(f"/runs/{found[0]['runId']}")).json()
    assert run["payload"] == {"from": "schedule"}
    assert run["createdBy"] == "schedule"


async def test_what_is_paused_starts_nothing_and_resumes_with_what_is_to_come(
    make: MakeWorld,
) -> None:
    """What came meanwhile is made up for by a backfill, each occurrence once."""
    world = await make()
    await published(world.api, returning("report"))
    await stored(world, "beat", EVERY_SECOND)
    await eventually(has_fires(world, "beat", 2))
    await world.api.post("/schedules/beat/pause")

    async def temporal_knows(paused: bool) -> bool:
        handle = world.client.get_schedule_handle(schedule_id(TENANT, "beat"))
        return (await handle.describe()).schedule.state.paused is paused

    await eventually(lambda: temporal_knows(True))
    paused_at = datetime.now(UTC)
    await eventually(lambda: _has_passed(paused_at + timedelta(seconds=3)))
    resumed_at = datetime.now(UTC)
    await world.api.post("/schedules/beat/resume")
    await eventually(lambda: temporal_knows(False))
    after = resumed_at + timedelta(seconds=2)

    async def goes_on() -> bool:
        return any(datetime.fromisoformat(each["nominalAt"]) > after for each in await started())

    async def started() -> list[dict[str, Any]]:
        return [fire for fire in await fires(world, "beat") if fire["outcome"] == "started"]

    await eventually(goes_on)
    between = [
        fire
        for fire in await started()
        if paused_at < datetime.fromisoformat(fire["nominalAt"]) < resumed_at - SECOND
    ]
    assert between == []
    span = {"from": paused_at.isoformat(), "to": resumed_at.isoformat()}
    for _ in range(2):
        answer = await world.api.post("/schedules/beat/backfill", json=span)
        assert {fire["outcome"] for fire in answer.json()["fires"]} == {"started"}
    await world.api.post("/schedules/beat/pause")
    keys = [f"beat@{fire['key']}" for fire in await started()]
    assert await runs_of(world, "beat") == sorted(set(keys))


async def _has_passed(moment: datetime) -> bool:
    return datetime.now(UTC) > moment


async def test_a_single_time_fires_and_its_schedule_ends(make: MakeWorld) -> None:
    """It is ENDED, Temporal has forgotten it, and new times wake it."""
    world = await make()
    await published(world.api, returning("report"))
    await stored(world, "single", once(2))
    (fire,) = await eventually(has_fires(world, "single", 1))
    assert fire["outcome"] == "started"
    assert (await eventually(is_in(world, "single", "ENDED")))["nextAt"] is None

    async def is_gone() -> bool:
        return not await exists(world, schedule_id(TENANT, "single"))

    await eventually(is_gone)
    for verb in ("pause", "resume"):
        answer = await world.api.post(f"/schedules/single/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "SCHEDULE_ENDED")
    await stored(world, "single", once(2))
    assert (await shown(world, "single"))["state"] == "ACTIVE"
    await eventually(has_fires(world, "single", 2))


async def test_a_broken_schedule_says_why_and_disturbs_no_sibling(make: MakeWorld) -> None:
    """Its occurrences fail, each with its reason, and start runs again once it is mended."""
    world = await make(**SOON)
    await published(world.api, returning("report"))
    await published(world.api, returning("other"))
    await stored(world, "good", EVERY_SECOND)
    await stored(world, "bad", EVERY_SECOND, definition="other")
    await eventually(has_fires(world, "bad", 1))
    await world.api.post("/definitions/other/archive")
    broken = await eventually(is_in(world, "bad", "BROKEN"))
    assert "Definition 'other' is ARCHIVED" in broken["reason"]

    async def failed() -> dict[str, Any] | None:
        found = [fire for fire in await fires(world, "bad") if fire["outcome"] == "failed"]
        return found[0] if found else None

    assert (await eventually(failed))["code"] == "DEFINITION_NOT_ACTIVE"
    before = len(await fires(world, "good"))
    found = await eventually(has_fires(world, "good", before + 2))
    assert {fire["outcome"] for fire in found} == {"started"}
    await world.api.post("/definitions/other/activate")
    mended = await eventually(is_in(world, "bad", "ACTIVE"))
    assert mended["reason"] is None

    async def goes_on() -> bool:
        return (await fires(world, "bad"))[-1]["outcome"] == "started"

    await eventually(goes_on)


async def test_a_version_that_the_payload_does_not_fit_disables_nothing(make: MakeWorld) -> None:
    """Its occurrences fail and say why; with a version that it fits they start runs again."""
    world = await make(**SOON)
    await published(world.api, returning("report"))
    await stored(world, "beat", EVERY_SECOND)
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    await published(world.api, returning("report", payloadSchema=schema))

    async def refused() -> dict[str, Any] | None:
        newest = (await fires(world, "beat"))[-1:]
        return newest[0] if newest and newest[0]["outcome"] == "failed" else None

    assert (await eventually(refused))["code"] == "PAYLOAD_INVALID"
    assert "does not fit" in (await eventually(is_in(world, "beat", "BROKEN")))["reason"]
    await published(world.api, returning("report", 2))
    await eventually(is_in(world, "beat", "ACTIVE"))

    async def goes_on() -> bool:
        return (await fires(world, "beat"))[-1]["outcome"] == "started"

    await eventually(goes_on)


async def test_a_paused_definition_has_its_occurrences_skipped(make: MakeWorld) -> None:
    """Each is a row with the reason, and the schedule stays as it is."""
    world = await make(**SOON)
    await published(world.api, returning("report"))
    await stored(world, "beat", EVERY_SECOND)
    await world.api.post("/definitions/report/pause")

    async def skipped() -> dict[str, Any] | None:
        newest = (await fires(world, "beat"))[-1:]
        return newest[0] if newest and newest[0]["outcome"] == "skipped" else None

    fire = await eventually(skipped)
    assert (fire["code"], fire["reason"]) == (
        "DEFINITION_PAUSED",
        "Definition 'report' is paused.",
    )
    assert (await shown(world, "beat"))["state"] == "ACTIVE"


async def test_overlap_skip_lets_one_run_be_open(
    make: MakeWorld, silent_url: tuple[str, asyncio.Event]
) -> None:
    """The occurrences that come while it is are skipped, and so is a request."""
    world = await make()
    await published(world.api, holding("report", silent_url[0]))
    await stored(world, "alone", EVERY_SECOND, overlap="skip")
    found = await eventually(has_fires(world, "alone", 4))
    assert [fire["outcome"] for fire in found[:4]] == ["started"] + ["skipped"] * 3
    assert {fire["code"] for fire in found[1:]} == {"RUN_STILL_OPEN"}
    assert found[0]["runId"] in found[1]["reason"]
    answer = await world.api.post("/schedules/alone/trigger")
    assert (answer.status_code, answer.json()["code"]) == (409, "RUN_STILL_OPEN")
    await world.api.post("/schedules/alone/pause")
    before = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:01Z"}
    answer = await world.api.post("/schedules/alone/backfill", json=before)
    assert {fire["outcome"] for fire in answer.json()["fires"]} == {"skipped"}
    answer = await world.api.post("/schedules/alone/backfill", json={**before, "overlap": "allow"})
    assert {fire["outcome"] for fire in answer.json()["fires"]} == {"started"}


async def test_what_temporal_never_told_of_is_decided_all_the_same(make: MakeWorld) -> None:
    """Within the time for catching up a run is started; later it is a row that says so."""
    world = await make(**SOON)
    await published(world.api, returning("report"))
    tenth = {"kind": "interval", "every": "PT10M", "anchor": "2026-01-01T00:00:00Z"}
    await stored(world, "late", tenth, catchUp="PT25M")
    await world.execute(
        "UPDATE workflow_schedules SET revision = revision + 1,"
        " counted_until = clock_timestamp() - interval '1 hour'"
    )
    found = await eventually(has_fires(world, "late", 6))
    now = datetime.now(UTC)
    for fire in found:
        is_late = now - datetime.fromisoformat(fire["nominalAt"]) > timedelta(minutes=25)
        assert fire["outcome"] == ("skipped" if is_late else "started")
        assert fire["code"] == ("MISSED" if is_late else None)
    assert {fire["outcome"] for fire in found} == {"skipped", "started"}
    assert len(await runs_of(world, "late")) == len([each for each in found if each["runId"]])


async def test_schedules_of_others_are_left_alone_and_orphans_of_ours_are_not(
    make: MakeWorld,
) -> None:
    """What has neither our id nor our workflow stays; what has both and no row goes."""
    world = await make()
    action = ScheduleActionStartWorkflow("Other", id="other", task_queue="theirs")
    theirs = Schedule(
        action=action, spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=1))])
    )
    ours = ScheduleDocument.model_validate({"definition": "report", "when": HOURLY})
    wanted = wanted_schedule(TENANT, "lost", ours, paused=False, now=datetime.now(UTC))
    foreign = ("nightly", schedule_id(TENANT, "taken"))
    for identity in foreign:
        await world.client.create_schedule(identity, theirs)
    assert await TemporalSchedules(world.client).converge(wanted)
    await published(world.api, returning("report"))
    await stored(world, "kept", HOURLY)
    await stored(world, "taken", HOURLY)
    broken = await eventually(is_in(world, "taken", "BROKEN"))
    assert "somebody else has made" in broken["reason"]
    before = [
        (await world.client.get_schedule_handle(identity).describe()).raw_description
        for identity in foreign
    ]

    async def is_swept() -> bool:
        await world.execute("UPDATE alga_sweeps SET due_at = clock_timestamp()")
        return not await exists(world, schedule_id(TENANT, "lost"))

    await make(**SOON)
    await eventually(is_swept)
    assert await exists(world, schedule_id(TENANT, "kept"))
    after = [
        (await world.client.get_schedule_handle(identity).describe()).raw_description
        for identity in foreign
    ]
    assert [each.schedule for each in after] == [each.schedule for each in before]


@pytest.mark.parametrize("harm", ["deleted", "unpaused", "changed"])
async def test_what_somebody_did_in_temporal_is_undone(make: MakeWorld, harm: str) -> None:
    """At the next look it is as the row says."""
    world = await make(**SOON)
    await published(world.api, returning("report"))
    await stored(world, "mine", HOURLY)
    await world.api.post("/schedules/mine/pause")
    handle = world.client.get_schedule_handle(schedule_id(TENANT, "mine"))

    async def is_right() -> bool:
        try:
            found = (await handle.describe()).schedule
        except RPCError:
            return False
        interval = found.spec.intervals[0].every if found.spec.intervals else None
        return found.state.paused and interval == timedelta(hours=1)

    def changed(found: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule = found.description.schedule
        schedule.state.note = "mine now"
        schedule.spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=9))])
        return ScheduleUpdate(schedule)

    await eventually(is_right)
    if harm == "deleted":
        await handle.delete()
    elif harm == "unpaused":
        await handle.unpause()
    else:
        await handle.update(changed)
    await eventually(is_right)


async def test_a_schedule_that_is_taken_away_is_taken_out_of_temporal(make: MakeWorld) -> None:
    """And its row goes with it; what became of its occurrences stays."""
    world = await make()
    await published(world.api, returning("report"))
    await stored(world, "short", EVERY_SECOND)
    await eventually(has_fires(world, "short", 1))
    await world.api.delete("/schedules/short")

    async def is_gone() -> bool:
        rows = await world.scalar("SELECT count(*) FROM workflow_schedules")
        return rows == 0 and not await exists(world, schedule_id(TENANT, "short"))

    await eventually(is_gone)
    assert await world.scalar("SELECT count(*) FROM workflow_schedule_fires") > 0

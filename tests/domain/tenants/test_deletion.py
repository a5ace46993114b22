"""Tenants are deleted late, completely, and never without their export."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid1

import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)

from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import (
    Confirm,
    Decision,
    DeletionState,
    Rollback,
    Waiver,
)
from tests.domain.tenants.world import DAY_SECONDS, Cutting, World, eventually, update, waits

DECISION = Decision(by="op")
ROLLBACK = Rollback(by="op", reason="they stay")

Handle = WorkflowHandle[Any, DeletionState]


class FullDisk:
    """A store without room; it gets some when `full` is false."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.full = True

    async def begin(self, tenant: str, export_id: UUID) -> Any:
        if self.full:
            raise PermissionError(13, "may not be written")
        return await self.inner.begin(tenant, export_id)

    async def manifest(self, tenant: str, export_id: UUID) -> Any:
        return await self.inner.manifest(tenant, export_id)


async def waiting(handle: Handle) -> DeletionState:
    """Its state, once its clock runs."""
    return await waits(handle, "waiting", DeletionState)


async def confirm(handle: Handle, after: str = "immediate") -> None:
    await update(handle, names.CONFIRM_UPDATE, Confirm.model_validate({"after": after, "by": "op"}))


async def test_a_tenant_is_deleted(world: World) -> None:
    """Exported, its schedules gone, no row of it left but the tombstone with the export's checksum;
    another tenant keeps everything."""
    world.pack(
        "start/1.sql",
        "INSERT INTO projects (tenant, name, task_queue_name) VALUES"
        " (current_setting('alga.tenant'), 'P', current_setting('alga.tenant'));",
    )
    async with world.worker():
        await world.made("acme")
        await world.made("other")
        await world.add_user("acme")
        for schedule in ("job/acme/nightly", "job/other/acme", "job/other/acme/x"):
            await world.client.create_schedule(
                schedule,
                Schedule(
                    action=ScheduleActionStartWorkflow("none", id=schedule, task_queue="nobody"),
                    spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=9))]),
                ),
            )
        handle = await world.delete("acme", silent_days=3650)
        state = await waiting(handle)
        assert (await world.state("acme"), await world.active("acme")) == ("leaving", set())
        await confirm(handle)
        state = await handle.result()
    assert state.status == "deleted"
    exported = state.progress.exported
    assert exported is not None
    manifest = (Path(exported.place) / "manifest.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == exported.sha256
    (users,) = [
        t for t in json.loads(manifest)["tables"] if t["table"] == "alga_domain.tenant_users"
    ]
    packed = (Path(exported.place) / users["file"]).read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    assert hashlib.sha256(packed).hexdigest() == users["sha256"]
    assert (len(rows), users["rows"], users["omitted"]) == (2, 2, ["password_hash"])
    assert {row["tenant"] for row in rows} == {"acme"}
    left = await world.sql(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'alga_domain'"
        " AND column_name = 'tenant'"
    )
    has_rows = {name for (name,) in left if await world.count(name, "acme")}
    assert has_rows == {"tenants", "tenant_deletions", "tenant_exports", "tenant_ledger"}
    assert await world.sql(
        "SELECT d.state, d.export_sha256, t.state, t.name FROM alga_domain.tenant_deletions d"
        " JOIN alga_domain.tenants t USING (tenant)"
    ) == [("deleted", exported.sha256, "deleted", "")]
    assert await world.state("other") == "active"
    assert len(await world.active("other")) == 1
    assert await world.sql("SELECT tenant FROM alga_domain.projects") == [("other",)]
    listed = [each.id async for each in await world.client.list_schedules()]
    assert sorted(listed) == ["job/other/acme", "job/other/acme/x"]
    assert world.hooks.types[-2:] == ["tenant.leaving", "tenant.deleted"]


async def test_180_days_and_more(world: World) -> None:
    """More than ninety days of silence, then ninety more, in executions one after the other; each
    reminder once, the last one a day before."""
    async with world.worker():
        await world.made()
        handle = await world.delete("acme", silent_days=3650, events=30)
        await waiting(handle)
        await asyncio.sleep(91 * DAY_SECONDS)
        assert (await world.state("acme"), len(world.post.messages)) == ("leaving", 1)
        await confirm(handle, "90_days")
        state = await handle.result()
    assert state.status == "deleted"
    assert state.progress.warnings == ()
    subjects = [m["Subject"].split("deleted ")[1] for m in world.post.messages[1:]]
    assert len(subjects) == len(set(subjects))
    assert set(subjects) <= {"in 30 days", "in 7 days", "tomorrow"}
    assert subjects[-1] == "tomorrow"
    ((days,),) = await world.sql(
        "SELECT extract(day FROM due_at - begun_at)::int FROM alga_domain.tenant_deletions"
    )
    assert days >= 180


async def test_silence_for_100_days(world: World) -> None:
    """Nobody confirms: it is deleted after the last reminder, in more than one execution."""
    async with world.worker():
        await world.made()
        handle = await world.delete("acme", silent_days=101, events=12)
        assert (await handle.result()).status == "deleted"
        runs = [r.run_id async for r in world.client.list_workflows(f"WorkflowId='{handle.id}'")]
    assert world.post.messages[-1]["Subject"].endswith("deleted tomorrow")
    assert len(runs) > 1


async def test_a_failed_export_stops_it(world: World) -> None:
    """Nothing goes on by itself; an operator retries, and what is not exported is not erased."""
    inner = world.exports
    world.exports = None
    async with world.worker():
        await world.made()
        handle = await world.delete("acme")
        state = await waits(handle, "attention", DeletionState)
        assert "EXPORTS_NOT_CONFIGURED" in (state.progress.error or "")
        assert await world.sql("SELECT state FROM alga_domain.tenant_exports") == [("failed",)]
        for name, given in (
            (names.CONFIRM_UPDATE, Confirm(after="immediate", by="op")),
            (names.WAIVE_UPDATE, Waiver(step="hooks", by="op", reason="wrong step")),
            (names.PAUSE_UPDATE, DECISION),
        ):
            with pytest.raises(WorkflowUpdateFailedError):
                await update(handle, name, given)
        assert await world.state("acme") == "leaving"
    with pytest.raises(Exception, match="exported_or_waived"):
        await world.sql(
            "UPDATE alga_domain.tenant_deletions SET state = 'awaiting_confirmation';"
            "UPDATE alga_domain.tenant_deletions SET state = 'deleting'"
        )
    world.exports = inner
    async with world.worker():
        await update(handle, names.RETRY_UPDATE, DECISION)
        await waiting(handle)
        await confirm(handle)
        assert (await handle.result()).status == "deleted"


async def test_an_export_is_waived_by_somebody(world: World) -> None:
    """Who, and why, stays in the row."""
    world.exports = None
    async with world.worker():
        await world.made()
        handle = await world.delete("acme")
        await waits(handle, "attention", DeletionState)
        waiver = Waiver(step="export", by="op", reason="has it already")
        await update(handle, names.WAIVE_UPDATE, waiver)
        await waiting(handle)
        await confirm(handle)
        await handle.result()
    assert await world.sql(
        "SELECT state, export_sha256, waived_by, waived_reason FROM alga_domain.tenant_deletions"
    ) == [("deleted", None, "op", "has it already")]


@pytest.mark.parametrize("wait", ["export", "hooks", "silence", "paused", "confirmed"])
async def test_a_rollback_gives_everything_back(world: World, wait: str) -> None:
    """From each wait: the tenant works again, with exactly the users that this has deactivated."""
    exports = world.exports
    async with world.worker():
        await world.made()
    if wait == "export":
        world.exports = None
    if wait == "hooks":
        world.hooks.refused.add("tenant.leaving")
    gone = await world.add_user("acme", active=False)
    there = await world.active("acme") | {await world.add_user("acme")}
    async with world.worker():
        handle = await world.delete("acme", silent_days=3650)
        if wait in ("export", "hooks"):
            await waits(handle, "attention", DeletionState)
        else:
            await waiting(handle)
        if wait == "paused":
            await update(handle, names.PAUSE_UPDATE, DECISION)
            await waits(handle, "paused", DeletionState)
        if wait == "confirmed":
            await confirm(handle, "90_days")
        assert await world.active("acme") == set()
        await update(handle, names.ROLLBACK_UPDATE, ROLLBACK)
        assert (await handle.result()).status == "rolled_back"
    assert await world.state("acme") == "active"
    assert await world.active("acme") == there
    assert gone not in there
    assert world.hooks.types[-1] == "tenant.rolled_back"
    world.exports = exports
    async with world.worker():  # It can be asked for again.
        again = await world.delete("acme", silent_days=3650)
        await (again.cancel() if wait == "hooks" else waiting(again))


async def test_a_pause_stops_the_clock(world: World) -> None:
    """However long it lasts, as many days are left as there were."""
    async with world.worker():
        await world.made()
        handle = await world.delete("acme", silent_days=100)
        await waiting(handle)
        await update(handle, names.PAUSE_UPDATE, DECISION)
        before = (await waits(handle, "paused", DeletionState)).progress
        await asyncio.sleep(2.5)  # more than those hundred days
        assert (await waits(handle, "paused", DeletionState)).progress == before
        await update(handle, names.CONTINUE_UPDATE, DECISION)
        after = (await waiting(handle)).progress
        assert before.due_at is not None
        assert after.due_at is not None
        assert after.due_at - before.due_at > timedelta(days=100)
        await update(handle, names.ROLLBACK_UPDATE, ROLLBACK)
        await handle.result()


async def test_cancelling_it_keeps_the_tenant(world: World) -> None:
    """As a rollback does."""
    async with world.worker():
        await world.made()
        handle = await world.delete("acme", silent_days=3650)
        await waiting(handle)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert await world.state("acme") == "active"
    assert len(await world.active("acme")) == 1


async def test_the_management_tenant_stays(world: World) -> None:
    """It is refused before anything is done."""
    async with world.worker():
        await world.made("owner")
        with pytest.raises(WorkflowFailureError) as caught:
            await (await world.delete("owner")).result()
    assert "MANAGEMENT_TENANT" in str(caught.value.cause)
    assert await world.state("owner") == "active"


async def test_every_activity_runs_twice(world: World) -> None:
    """A worker that goes after each activity, before it has reported it, deletes one tenant once:
    one export, one message of each kind, every hook once."""
    cutting = Cutting()
    async with world.worker():
        await world.made()
    async with world.worker(interceptors=[cutting]):
        state = await (await world.delete("acme", silent_days=40)).result()
    assert state.status == "deleted"
    assert {
        names.BEGIN_DELETION,
        names.EXPORT_TENANT,
        names.NOTE_DELETION,
        names.REMIND_TENANT,
        names.BEGIN_ERASING,
        names.REMOVE_SCHEDULES,
        names.ERASE_TENANT,
        names.VERIFY_ERASED,
        names.BURY_TENANT,
    } <= set(cutting.cut)
    ids = [message["Message-ID"] for message in world.post.messages]
    assert len(ids) == len(set(ids)) >= 2
    assert world.hooks.types == ["tenant.created", "tenant.leaving", "tenant.deleted"]
    assert len(list((world.folder / "exports" / "acme").iterdir())) == 1
    text = await world.histories()
    for body in ("token=", "will be deleted", world.post.token(0)):
        assert body not in text


async def test_a_disk_that_is_full_for_a_while(world: World) -> None:
    """Is no reason to ask anybody: the export is tried again."""
    disk = FullDisk(world.exports)
    world.exports = disk
    async with world.worker():
        await world.made()
        handle = await world.delete("acme", silent_days=3650)

        async def tried() -> bool:
            return bool(await world.sql("SELECT 1 FROM alga_domain.tenant_exports"))

        await eventually(tried, "an attempt")
        disk.full = False
        await waiting(handle)
        await update(handle, names.ROLLBACK_UPDATE, ROLLBACK)
        await handle.result()


async def test_two_replicas_delete_once(world: World) -> None:
    """Whichever performs what."""
    deletion, other = uuid1(), await world.another_client()
    async with world.worker(), world.worker(client=other):
        await world.made()
        handle = await world.delete("acme", id=deletion, silent_days=2)
        assert (await handle.result()).status == "deleted"
    assert world.hooks.types.count("tenant.deleted") == 1
    assert await world.sql("SELECT id FROM alga_domain.tenant_deletions") == [(deletion,)]

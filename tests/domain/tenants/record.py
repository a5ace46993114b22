"""Records histories: `uv run pytest tests/domain/tenants/record.py` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHistory

from alga_temporal_domain.queues.spec import TENANTS
from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import (
    CompensateCreation,
    Confirm,
    CreationState,
    Decision,
    DeletionState,
    ResumeCreation,
    Rollback,
    Suspend,
    Waiver,
    Welcome,
)
from tests.domain.tenants.world import World, update, waits

FOLDER = Path(__file__).parent / "histories"


async def test_record(world: World) -> None:
    """A run of each workflow, and of the ways that operators have."""
    async with world.worker():
        await world.made()
        world.post.answer = "550 no"
        handle = await world.create("half")
        await waits(handle, "waiting", CreationState)
        await update(handle, names.RESUME_UPDATE, ResumeCreation(by="op"))
        await waits(handle, "waiting", CreationState)
        await update(handle, names.COMPENSATE_UPDATE, CompensateCreation(by="op", confirm="half"))
        await handle.result()
        world.post.answer = None
        await world.welcome(Welcome(tenant_id="acme", key="again", requested_by="op"))
        given = Suspend(tenant_id="acme", suspension=uuid4(), requested_by="op")
        for workflow in (names.SUSPENSION_WORKFLOW, names.RESUMPTION_WORKFLOW):
            await world.client.execute_workflow(
                workflow, given, id=f"{workflow}-acme", task_queue=TENANTS
            )
        await _delete(world)
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    count = 0
    async for run in world.client.list_workflows():
        history = await world.client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        count += 1
        (FOLDER / f"{run.workflow_type}-{count}.json").write_text(_shown(history) + "\n")


async def _delete(world: World) -> None:
    handle = await world.delete("acme", silent_days=3650)
    await waits(handle, "waiting", DeletionState)
    await update(handle, names.PAUSE_UPDATE, Decision(by="op"))
    await update(handle, names.CONTINUE_UPDATE, Decision(by="op"))
    await update(handle, names.ROLLBACK_UPDATE, Rollback(by="op", reason="r"))
    await handle.result()
    world.hooks.refused.add("tenant.leaving")
    handle = await world.delete("acme", silent_days=3650, events=30)
    await waits(handle, "attention", DeletionState)
    await update(handle, names.WAIVE_UPDATE, Waiver(step="hooks", by="op", reason="r"))
    await waits(handle, "waiting", DeletionState)
    await update(handle, names.CONFIRM_UPDATE, Confirm(after="90_days", by="op"))
    await handle.result()


def _shown(history: WorkflowHistory) -> str:
    """Without what tells of the machine that it was recorded on."""
    shown = json.loads(history.to_json(), object_hook=_without_machine)
    return json.dumps(shown, indent=1)


def _without_machine(found: dict[str, Any]) -> dict[str, Any]:
    hidden = {"stackTrace": "", "identity": "worker"}
    return {name: hidden.get(name, value) for name, value in found.items()}

"""Runs all attacks, many at a time, and keeps what came of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding
from alga_temporal_domain.storage.instances import InstanceRow
from alga_workflows_core.errors import FindingsError
from tests.domain.containment.attacks import Contained, Refused
from tests.domain.containment.world import World, eventually
from tests.domain.supervision.world import TENANT, project, wish

AT_ONCE = 10
SECONDS_TO_TELL = 8.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`ended`: the row of the process that ended by the attack; None: it lives on, as `lives` says.
    `told`: what its caller was told."""

    ended: InstanceRow | None
    is_quarantined: bool
    lives: str = ""
    told: str = ""


async def all_of(
    table: dict[str, Any], one: Callable[[str, Any], Coroutine[Any, Any, T]]
) -> dict[str, T | BaseException]:
    """What came of each row; an exception is one row's alone."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(name: str) -> T:
        async with turns:
            return await one(name, table[name])

    found = await asyncio.gather(*(in_turn(name) for name in table), return_exceptions=True)
    return dict(zip(table, found, strict=True))


async def refusal(world: World, attack: Refused) -> tuple[list[Finding], int]:
    """The findings of publishing it, and how many bundles were kept all the same."""
    project_id = await project(world.storage)
    limits = {"memoryMb": attack.memory_mb}
    findings: list[Finding] = []
    try:
        if attack.activities is None:
            bundle = await world.publishing.bundle_of(TENANT, project_id, attack.files)
        else:
            manifest = {
                "workflows": ("Calling",),
                "activities": attack.activities,
                "queue": attack.queue,
                "limits": limits,
            }
            bundle = world.publishing.bundle_with(attack.files, manifest)
        await world.publishing.publish(TENANT, project_id, bundle, "a")
    except FindingsError as error:
        findings = [Finding.model_validate(one) for one in error.details["findings"]]
    async with world.storage.unit_of_work(TENANT) as work:
        kept = await work.bundles.page(project_id, None, 10)
    return findings, len(kept)


async def attacker(world: World, attack: Contained, mark: str) -> UUID:
    """A project with its code, past the gates. Files that it makes have the mark in their names."""
    bundle = attack.bundle
    files = {path: text.replace("@'", f"{mark}'") for path, text in bundle.files.items()}
    marked = Bundle(manifest=bundle.manifest, files=files)
    return await project(world.storage, marked, is_running=False)


async def containment(world: World, project_id: UUID, attack: Contained) -> Outcome:
    """Run its code, and have it do what it is there for."""
    await wish(world.storage, project_id, "RUNNING")
    if not attack.is_run:
        return await _end(world, project_id)
    first = await world.ready(project_id)
    name, arguments = ("Attack", ()) if "Attack" in attack.workflows else ("Calling", ("attack",))
    run = await world.client.start_workflow(
        name, args=arguments, id=str(uuid4()), task_queue=f"project-{project_id}"
    )
    try:
        if attack.ends is not None:
            return await _end(world, project_id)
        told = await _told(run)
        async with asyncio.timeout(30):
            lives = await world.call(project_id, "Calling", "whose")
        rows = await world.instances(project_id)
        assert [(row.pid, row.state) for row in rows] == [(first.pid, "ready")], rows
        return Outcome(ended=None, is_quarantined=False, lives=lives, told=told)
    finally:
        await _terminate(run)


async def stopped(world: World, projects: dict[str, UUID]) -> None:
    """Have no attacker's process wanted any more, and wait until there is none."""
    for each in projects.values():
        await wish(world.storage, each, "STOPPED")
    for name, each in projects.items():

        async def is_over(project_id: UUID = each) -> bool:
            rows = await world.instances(project_id)
            return all(row.stopped_at is not None for row in rows)

        await eventually(is_over, f"{name} has stopped")


async def _end(world: World, project_id: UUID) -> Outcome:
    """The first process that ended, once it has; of one that never worked, the quarantine."""

    async def look() -> InstanceRow | None:
        rows = await world.instances(project_id)
        ended = [row for row in rows if row.stopped_at is not None]
        is_done = any(row.ready_at for row in rows) or rows[-1:] == ended[-1:]
        is_last = bool(ended) and (ended[-1].ready_at or ended[-1].state == "quarantined")
        return ended[-1] if is_done and is_last else None

    ended = await eventually(look, f"a process of {project_id} has ended")
    version = await world.version(project_id)
    return Outcome(ended=ended, is_quarantined=version.quarantined_at is not None)


async def _told(run: WorkflowHandle[Any, Any]) -> str:
    """What came of an execution, within some seconds."""
    try:
        async with asyncio.timeout(SECONDS_TO_TELL):
            return repr(await run.result())
    except TimeoutError:
        return "nothing"
    except WorkflowFailureError as error:
        causes: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            causes.append(str(cause))
            cause = cause.__cause__
        return "; ".join(causes)


async def _terminate(run: WorkflowHandle[Any, Any]) -> None:
    try:
        await run.terminate()
    except RPCError:
        return  # it has ended

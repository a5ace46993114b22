"""Code whose executions wait until they are let, and waiting for what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from alga_temporal_domain.projects.bundles import Bundle, Manifest
from alga_temporal_domain.storage.instances import InstanceHistory
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import VersionRow, Versions
from tests.domain.supervision.conftest import Place
from tests.domain.supervision.world import TENANT

CODE = """
import asyncio
from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def note(text: str) -> str:
    print("noted", text, flush=True)
    return text


@workflow.defn
class Waits:
    def __init__(self) -> None:
        self.is_let = False

    @workflow.run
    async def run(self) -> str:
        FIRST
        await workflow.wait_condition(lambda: self.is_let)
        return await workflow.execute_activity(
            note, "VERSION", start_to_close_timeout=timedelta(seconds=10)
        )

    @workflow.signal
    def let(self) -> None:
        self.is_let = True
"""


def code(version: str, first: str = "pass", *, more: str = "") -> Bundle:
    """Whose executions end with the name of the version. `first`: what they do before they wait;
    `more`: text of the module, of an activity `slow`."""
    activities = ("note", "slow") if more else ("note",)
    return Bundle(
        manifest=Manifest(workflows=("Waits",), activities=activities),
        files={"flows.py": CODE.replace("VERSION", version).replace("FIRST", first) + more},
    )


async def versions(storage: DomainStorage, project_id: UUID) -> dict[str, VersionRow]:
    """By hash."""
    async with storage.transaction(TENANT) as connection:
        rows = await Versions(connection, TENANT).of_project(project_id)
    return {row.hash: row for row in rows}


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it, twenty seconds at most."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - neither rows nor Temporal tell
            await asyncio.sleep(0.05)


async def known(place: Place, project_id: UUID) -> None:
    """Until Temporal knows the last activation."""

    async def is_told() -> bool:
        rows = (await versions(place.storage, project_id)).values()
        active = [row for row in rows if row.state in {"CURRENT", "RAMPING"}]
        return bool(active) and all(row.told_seq == row.seq for row in active)

    await eventually(is_told)


async def live(place: Place, project_id: UUID) -> int:
    """How many processes the project has."""
    async with place.storage.transaction(TENANT) as connection:
        return len(await InstanceHistory(connection, TENANT).live(project_id))

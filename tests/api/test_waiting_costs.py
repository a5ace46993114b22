"""What a run costs while it waits for months."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import event
from sqlalchemy.engine import Engine
from temporalio.client import Client

from alga_workflows_core.temporal.names import workflow_id
from tests.api.asking import asking
from tests.api.inbox import runs_of, start, tell, triggered, until_waiting
from tests.api.service import published
from tests.services.command import eventually

RUNS = 10
TOLD = 30
"""Events of others, accepted and delivered meanwhile: several rounds of every loop."""


async def quiet(api: httpx.AsyncClient) -> None:
    """Return when what was told of the tasks that opened is accepted."""

    async def look() -> bool:
        staged = await api.get("/events", params={"state": "STAGED", "limit": 1})
        return not staged.json()["items"]

    await eventually(look, "nothing is staged")


@contextmanager
def statements() -> Generator[list[str]]:
    """What this process tells PostgreSQL: statements with their parameters."""
    told: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        told.append(f"{statement} {parameters}")

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def lengths(client: Client, runs: Sequence[str]) -> list[int]:
    """How many events each execution has in its history."""
    handles = [client.get_workflow_handle(workflow_id(UUID(run))) for run in runs]
    return [(await each.describe()).history_length for each in handles]


async def test_a_run_that_waits_for_months_costs_nothing(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """For an event, a person and a time at once: while others are busy, its history does not grow
    and no statement is about it."""
    await published(api, patient("patient"))
    await published(api, triggered("busy", "BUSY"))
    runs = [await start(api, "patient") for _ in range(RUNS)]
    waits = [wait for run in runs for wait in await until_waiting(api, run, 3)]
    ids = [*runs, *(wait["waitId"] for wait in waits)]
    await quiet(api)
    before = await lengths(temporal_client, runs)
    with statements() as told:
        for n in range(TOLD):
            await tell(api, "BUSY", {"n": n}, key=f"other-{n}")
        assert len(await runs_of(api, "busy", TOLD)) == TOLD
    assert len(told) > 10 * TOLD
    about = re.compile("|".join(ids))
    assert [each for each in told if about.search(each)] == []
    assert await lengths(temporal_client, runs) == before


def patient(identity: str) -> dict[str, Any]:
    """A definition that waits for an event, for a person and for a time, three months each."""
    for_event = {"eventName": "NEVER", "correlationKey": "never", "timeout": "P90D"}
    branches = [
        {
            "id": "event",
            "steps": [{"id": "told", "type": "event.wait", "config": for_event}],
        },
        {"id": "person", "steps": asking(identity, timeout="P90D", title="Never")["steps"][:1]},
        {
            "id": "time",
            "steps": [
                {
                    "id": "later",
                    "type": "time.wait",
                    "config": {"mode": "duration", "duration": "P90D"},
                }
            ],
        },
    ]
    together = {"id": "together", "type": "control.parallel", "join": "all", "branches": branches}
    return {"id": identity, "name": identity, "steps": [together]}

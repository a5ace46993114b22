"""What a run is told by signals is not lost where one execution ends and the next begins."""

from __future__ import annotations

import asyncio
from typing import Any

from alga_workflows_core.temporal.names import EVENT_SIGNAL
from tests.durable.conftest import Serve
from tests.durable.workflows import CutRunWorkflow
from tests.durable.world import check_executions
from tests.services.command import eventually

TICKS = 16
WORK = 60
COUNTING: dict[str, Any] = {
    "id": "counting",
    "name": "Counting",
    "steps": [
        {
            "id": "zero",
            "type": "transform.assign",
            "config": {"assign": {"vars.sum": 0, "vars.seen": 0}},
        },
        {
            "id": "work",
            "type": "control.while",
            "condition": {"$expr": f"vars.seen < {WORK}"},
            "maxIterations": WORK,
            "body": [
                {
                    "id": "one",
                    "type": "transform.assign",
                    "config": {"assign": {"vars.seen": {"$expr": "vars.seen + 1"}}},
                }
            ],
        },
        {
            "id": "each",
            "type": "control.while",
            "condition": {"$expr": f"vars.seen < {WORK + TICKS}"},
            "maxIterations": TICKS,
            "body": [
                {
                    "id": "tick",
                    "type": "event.wait",
                    "config": {
                        "eventName": "TICK",
                        "timeout": "PT5M",
                        "assign": {
                            "vars.sum": {"$expr": "vars.sum + event.payload"},
                            "vars.seen": {"$expr": "vars.seen + 1"},
                        },
                    },
                }
            ],
        },
        {"id": "end", "type": "control.return", "value": {"$expr": "vars.sum"}},
    ],
}


async def test_signals_while_a_run_goes_from_execution_to_execution(serve: Serve) -> None:
    """Each counts once, in whichever execution it came, and also when another one begins."""
    async with serve(CutRunWorkflow) as world:
        run_id = await world.start(COUNTING)

        async def has_begun() -> bool:
            return (await world.row(run_id))["status"] not in {"QUEUED", "STARTING"}

        await eventually(has_begun, "the run has begun")
        handle = world.handle(run_id)
        for first in range(0, TICKS, 2):
            await asyncio.gather(
                *(
                    handle.signal(EVENT_SIGNAL, {"eventName": "TICK", "payload": 1 << number})
                    for number in range(first, first + 2)
                )
            )
        row = await world.ended(run_id, seconds=30)
        executions = await world.executions(run_id)
        events = (await world.api.get("/events", params={"limit": 500})).json()["items"]
    assert row["result"] == (1 << TICKS) - 1
    assert len(events) == TICKS
    assert len(executions) > 2
    await check_executions(executions, CutRunWorkflow)

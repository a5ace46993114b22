"""Runs in the middle of everything, while a server goes away and comes back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.durable.definitions import assign, call, document, expr, turns, wait
from tests.services.command import client, eventually, running
from tests.services.definitions import closed_run, steps_of
from tests.services.killing import MODULE
from tests.services.servers import Servers

RUNS = 3
TURNS = 12

BUSY: dict[str, Any] = document(
    "busy",
    assign("begin", n=0),
    turns(
        TURNS,
        call("log", "log.write", {"message": "still here", "level": "debug"}),
        call(
            "ask",
            "http.request",
            {"url": expr("payload.url & '/livez'")},
        ),
        wait("wait", 200),
    ),
    result=expr("vars.n"),
)


async def finish_in_spite_of(
    servers: Servers, environ: dict[str, str], folder: Path, what: str, seconds: float
) -> None:
    """Runs with waits, local and remote actions; `what` is away for so many seconds meanwhile."""
    async with (
        # It waits less long for lost workflow tasks, and so does the test.
        running(environ={**environ, "CHAOS_FOLDER": str(folder)}, module=MODULE) as worker,
        client(url := await worker.url()) as api,
    ):
        await api.put("/api/v1/definitions/busy/draft", json=BUSY)
        assert (await api.post("/api/v1/definitions/busy/publish")).is_success
        ids: list[str] = []
        for _ in range(RUNS):
            body = {"payload": {"url": url}}
            ids.append((await api.post("/api/v1/definitions/busy/runs", json=body)).json()["runId"])

        async def all_are_in_the_middle() -> bool:
            return all([("loop[2]/wait", "SUCCEEDED") in await steps_of(api, one) for one in ids])

        await eventually(all_are_in_the_middle, "the runs are in their third turn")
        if what == "postgresql":
            await servers.stop_postgres()
            await asyncio.sleep(seconds)
            await servers.start_postgres()
        else:
            await servers.stop_temporal()
            await asyncio.sleep(seconds)
            await servers.start_temporal()
        for one in ids:
            row = await closed_run(api, one)
            assert (row["status"], row["result"]) == ("SUCCEEDED", TURNS), row
            query = {"limit": 500}
            rows = (await api.get(f"/api/v1/runs/{one}/steps", params=query)).json()["items"]
            assert len(rows) == 4 * TURNS + 3
            assert {row["status"] for row in rows} == {"SUCCEEDED"}


WORKING: dict[str, Any] = document(
    "working",
    wait("first", 2_000),
    {
        "id": "hours",
        "type": "time.wait",
        "config": {"mode": "businessTime", "duration": "PT0.5S"},
    },
)
ALWAYS: dict[str, Any] = {
    "zone": "UTC",
    "exceptions": [
        {"date": f"{datetime.now(UTC).date() + timedelta(days=number)}", "hours": ["00:00-24:00"]}
        for number in (0, 1)
    ],
}


async def count_working_time_in_spite_of(
    servers: Servers, environ: dict[str, str], folder: Path, seconds: float
) -> None:
    """A run comes to a wait for working time while PostgreSQL, with the calendars, is away."""
    async with (
        running(environ={**environ, "CHAOS_FOLDER": str(folder)}, module=MODULE) as worker,
        client(await worker.url()) as api,
    ):
        assert (await api.put("/api/v1/calendars/default", json=ALWAYS)).status_code == 201
        await api.put("/api/v1/definitions/working/draft", json=WORKING)
        assert (await api.post("/api/v1/definitions/working/publish")).is_success
        run = (await api.post("/api/v1/definitions/working/runs", json={})).json()["runId"]

        async def waits() -> bool:
            return (await api.get(f"/api/v1/runs/{run}")).json()["status"] == "WAITING"

        await eventually(waits, "the run is in its first wait")
        await servers.stop_postgres()
        stopped = datetime.now(UTC)
        await asyncio.sleep(seconds)
        back = datetime.now(UTC)
        await servers.start_postgres()
        row = await closed_run(api, run)
        assert row["status"] == "SUCCEEDED", row
        rows = (await api.get(f"/api/v1/runs/{run}/steps")).json()["items"]
        (output,) = [each["output"] for each in rows if each["path"] == "hours"]
        # It began in the outage, and so was counted from then.
        assert stopped < datetime.fromisoformat(output["until"]) < back

"""An occurrence whose worker dies between being told of it and having answered."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.services.command import client, eventually, running
from tests.services.killing import MODULE

DOCUMENT = {
    "id": "report",
    "name": "Report",
    "steps": [{"id": "end", "type": "control.return", "value": 1}],
}


async def slots(url: str) -> int:
    """How many slots are taken or waited for."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute("SELECT count(*) FROM alga_run_slots")
        return sum([count for (count,) in await found.fetchall()])


async def outcomes(url: str) -> list[str]:
    """What has become of all occurrences."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute("SELECT outcome FROM workflow_schedule_fires")
        return [outcome for (outcome,) in await found.fetchall()]


async def test_an_occurrence_starts_one_run_whenever_its_worker_is_killed(
    environ: dict[str, str], folder: Path
) -> None:
    """Once right before the transaction that launches it, and once right behind its commit: the
    next worker finishes what Temporal still asks for, and finds what was committed, the schedule's
    slot with it."""
    # The first activity that is met is the one that fires the schedule.
    (folder / "kills").write_text("0 before\n0 after\n")
    environ = {**environ, "CHAOS_FOLDER": str(folder)}
    at = datetime.now(UTC)
    for number in range(2):
        async with running(environ=environ, module=MODULE) as worker:
            url = await worker.url()
            if number == 0:
                async with client(f"{url}/api/v1") as api:
                    at = await _store(api)
            assert await worker.ended(seconds=90) == -signal.SIGKILL, worker.output
        assert await outcomes(environ["DATABASE_URL"]) == ["started"] * number
        assert await slots(environ["DATABASE_URL"]) == number
    async with running(environ=environ, module=MODULE) as worker:
        url = await worker.url()
        async with client(f"{url}/api/v1") as api:

            async def ended() -> list[Any] | None:
                items = (await api.get("/runs")).json()["items"]
                return items if items and items[0]["closedAt"] is not None else None

            (run,) = await eventually(ended, "the run ended", seconds=60)
            (fire,) = (await api.get("/schedules/soon/fires")).json()["items"]
    assert await slots(environ["DATABASE_URL"]) == 0
    assert (run["status"], run["triggerType"]) == ("SUCCEEDED", "schedule")
    assert fire["runId"] == run["runId"]
    assert datetime.fromisoformat(fire["nominalAt"]) == at
    assert (folder / "met").read_text().splitlines()[0] == "Occurrence"


async def _store(api: httpx.AsyncClient) -> datetime:
    """Store a schedule of one time; when that is."""
    answer = await api.put("/definitions/report/draft", json=DOCUMENT)
    assert answer.status_code == 200, answer.text
    answer = await api.post("/definitions/report/publish")
    assert answer.status_code == 201, answer.text
    at = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    when = {"kind": "once", "at": at.isoformat()}
    document = {"definition": "report", "when": when, "overlap": "queue"}
    answer = await api.put("/schedules/soon", json=document)
    assert answer.status_code == 201, answer.text
    return at

"""Histories of jobs: how they are made, kept and read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from alga_temporal_domain.jobs.names import limiter_id
from tests.domain.jobs.world import TENANT, JobWorld, until

CORPUS = Path(__file__).parent / "histories"


async def make_histories(world: JobWorld) -> dict[str, WorkflowHistory]:
    """One of each kind, as they are made now."""
    made: dict[str, WorkflowHistory] = {}
    orders: dict[str, tuple[str, Any]] = {
        "success": ("add", {"left": 1, "right": 2}),
        "retried": ("flaky", {"number": 3}),
        "failure": ("halves", {"number": 3}),
        "stored": ("large", {"number": 100_000}),
    }
    for kind, (name, data) in orders.items():
        job = await world.enqueue(name, data)
        await world.ended(job.id)
        made[kind] = await world.handle(job).fetch_history()
    cancelled = await world.enqueue("waits")

    async def runs() -> bool:
        return (await world.row(cancelled.id)).state == "RUNNING"

    await until(runs, "it runs")
    await world.family.desk.cancel(TENANT, cancelled.id, reason=None, actor="me")
    await world.ended(cancelled.id)
    made["cancelled"] = await world.handle(cancelled).fetch_history()
    keyed = [await world.enqueue("exclusive", {"customer": "z", "number": n}) for n in range(3)]
    for job in keyed:
        await world.ended(job.id)
    made["keyed"] = await world.handle(keyed[-1]).fetch_history()
    limiter = world.client.get_workflow_handle(limiter_id(TENANT, "customer z"))
    made["limiter"] = await limiter.fetch_history()
    return made


def keep(folder: Path, histories: dict[str, WorkflowHistory]) -> None:
    """Write them, each into a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, history in histories.items():
        said = {"id": history.workflow_id, **history.to_json_dict()}
        text = json.dumps(said, separators=(",", ":"))
        # Without a time, so that the same content is the same file.
        (folder / f"{kind}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def kept() -> Iterator[tuple[str, WorkflowHistory]]:
    """Kind and history of each that is kept."""
    for path in sorted(CORPUS.glob("*.json.gz")):
        said = json.loads(gzip.decompress(path.read_bytes()))
        identity = said.pop("id")
        yield path.name.removesuffix(".json.gz"), WorkflowHistory.from_json(identity, said)

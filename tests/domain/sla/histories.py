"""Recorded histories of SLA clocks: `histories/<release>/<test>.jsonl.gz`, a line for each."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

from temporalio.client import Client, WorkflowHistory

CORPUS = Path(__file__).parent / "histories"
# Further ones of the same test are like these.
MOST = 4


async def record(client: Client, folder: Path, test: str) -> None:
    """Keep some histories of a namespace."""
    name = re.sub(r"\W+", "-", test).strip("-")
    lines: list[str] = []
    async for each in client.list_workflows(limit=MOST):
        handle = client.get_workflow_handle(each.id, run_id=each.run_id)
        history = await handle.fetch_history()
        lines.append(json.dumps({"id": each.id, "history": history.to_json_dict()}))
    path = folder / f"{name}.jsonl.gz"
    await asyncio.to_thread(_write, path, "\n".join(lines))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def files() -> list[Path]:
    """All that there are."""
    return sorted(CORPUS.glob("*/*.jsonl.gz"))


def load(path: Path) -> Iterator[WorkflowHistory]:
    """What was recorded."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            found = json.loads(line)
            yield WorkflowHistory.from_json(found["id"], found["history"])

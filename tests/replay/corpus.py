"""Recorded histories: `tests/replay/<release>/<group>.jsonl.gz`, a line for each execution."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from temporalio.client import WorkflowHistory

from alga_workflows_core.temporal.names import workflow_id

CORPUS = Path(__file__).parent
# One that is larger tests nothing that smaller ones do not.
MOST_CHARACTERS = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One execution of one run.

    `timeline` is its clock (`Timeline.as_json`). `pure`: what actions answered inside the workflow,
    as [action, version, step, attempt, answer]. `local`: hashes of the inputs of local activities.
    """

    case: str
    run_id: str
    execution: str
    settles: bool
    timeline: dict[str, Any]
    pure: list[list[Any]]
    local: dict[str, str]
    events: list[Any]

    @property
    def history(self) -> WorkflowHistory:
        return WorkflowHistory.from_json(workflow_id(UUID(self.run_id)), {"events": self.events})


def files() -> list[Path]:
    """All that there are."""
    return sorted(CORPUS.glob("*/*.jsonl.gz"))


def load(path: Path) -> Iterator[Recorded]:
    """What was recorded."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            yield Recorded(**json.loads(line))


def save(folder: Path, recorded: Sequence[Recorded]) -> None:
    """Write a release's corpus anew, a file for each group of cases."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jsonl.gz"):
        old.unlink()
    groups = sorted({each.case.partition("/")[0] for each in recorded})
    for group in groups:
        lines = [
            json.dumps(asdict(each), separators=(",", ":"))
            for each in sorted(recorded, key=lambda each: (each.case, each.settles))
            if each.case.startswith(f"{group}/")
        ]
        text = "".join(f"{line}\n" for line in lines if len(line) <= MOST_CHARACTERS)
        # Without a time, so that the same content is the same file.
        (folder / f"{group}.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))

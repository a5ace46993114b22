"""How many projects and processes there are, across tenants: numbers only."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COUNT = text("SELECT desired, observed, number FROM project_counts()")

PROJECT_STATES = tuple(
    (desired, observed)
    for desired in ("running", "asleep", "stopped")
    for observed in ("running", "starting", "stopped", "quarantined")
)
"""What may be wanted of a project, and what may be."""

PROCESS_STATES = ("pending", "starting", "ready", "draining")
"""Of processes that have not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Projects by what is wanted and what there is, processes by state; those that are none are
    left out."""

    projects: dict[tuple[str, str], int]
    processes: dict[str, int]


async def count(connection: AsyncConnection) -> Counted:
    """All that there are, by one statement."""
    projects: dict[tuple[str, str], int] = {}
    processes: dict[str, int] = {}
    for row in await connection.execute(_COUNT):
        if row.desired is None:
            processes[row.observed] = row.number
        else:
            projects[row.desired, row.observed] = row.number
    return Counted(projects=projects, processes=processes)

"""What expressions see as `system`: the facts of a run that its definition cannot change."""

from __future__ import annotations

from typing import TypedDict


class System(TypedDict):
    """`startedAt` is ISO 8601 with an offset; `triggerType` says what started the run."""

    tenant: str
    runId: str
    workflowId: str
    workflowVersion: int
    triggerType: str
    startedAt: str


SYSTEM_FIELDS = frozenset(System.__annotations__)
"""The names of all that `system` has."""

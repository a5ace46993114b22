"""What a project's process counts, and tells every five seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alga_temporal_domain.projects.durations import BUCKETS
from alga_workflows_core.types.model import Model

MOST_NAMES = 200
"""Names that are told apart; what has another is counted under `OTHERS`."""

LONGEST_NAME = 100

OTHERS = "(others)"

_Name = Annotated[str, Field(max_length=LONGEST_NAME)]
_Count = Annotated[int, Field(ge=0)]


class ActivityCounts(Model):
    """Attempts of an activity that ended since the last time. `histogram`: `durations`' buckets."""

    ok: _Count = 0
    failed: _Count = 0
    sum_ms: Annotated[float, Field(ge=0)] = 0.0
    histogram: Annotated[list[_Count], Field(max_length=BUCKETS)]


class WorkflowCounts(Model):
    """Executions of one workflow that ended here since the last time."""

    completed: _Count = 0
    failed: _Count = 0
    sum_ms: Annotated[float, Field(ge=0)] = 0.0


class Stats(Model):
    """Deltas of counts, and the state of the process now.

    `cpu_seconds` is a delta too, over `seconds`. `rss_mb` is what the process has in memory, pages
    shared with others included. `lag_ms`: how late its event loop was at most.
    """

    seconds: Annotated[float, Field(ge=0)]
    activities: Annotated[dict[_Name, ActivityCounts], Field(max_length=MOST_NAMES + 1)]
    workflows: Annotated[dict[_Name, WorkflowCounts], Field(max_length=MOST_NAMES + 1)]
    cpu_seconds: Annotated[float, Field(ge=0)]
    rss_mb: Annotated[float, Field(ge=0)]
    running_activities: _Count
    lag_ms: Annotated[float, Field(ge=0)]

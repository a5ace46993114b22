"""The run's clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from temporalio import workflow


class RunClock(Protocol):
    """What time it is for a run. Made of the workflow's own time and of nothing else."""

    def now(self) -> datetime:
        """UTC."""
        ...

    def until(self, due: datetime) -> timedelta:
        """How long a timer has to run that ends when it is `due`; negative if that is past."""
        ...


class WorkflowClock:
    """The workflow's own time."""

    def now(self) -> datetime:
        return workflow.now()

    def until(self, due: datetime) -> timedelta:
        return due - workflow.now()

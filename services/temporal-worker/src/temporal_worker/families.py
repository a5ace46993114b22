"""What this process serves on the domain's queues: the families, made of its parts."""

from __future__ import annotations

from dataclasses import dataclass

from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.schedules.desired import ScheduleSource
from temporal_worker.base import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """Each family's queue, and its schedules where it has some.

    A field per family, for what the API needs of it, goes here.
    """

    queues: tuple[QueueSpec, ...]
    schedules: tuple[ScheduleSource, ...]


def families(parts: Parts) -> Families:
    """All of them; nothing is started. The same in every process, whichever queues it polls."""
    return Families(queues=parts.mode.extra_queues, schedules=parts.mode.extra_schedules)

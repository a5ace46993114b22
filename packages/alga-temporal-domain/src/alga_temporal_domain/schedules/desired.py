"""What Temporal should start, and when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeAlias

from alga_workflows_core.types.canonical import content_hash
from alga_workflows_core.types.model import Model

PREFIX = "alga-domain"
"""Ids of schedules are `alga-domain:<source>:<id>`."""

Overlap: TypeAlias = Literal["skip", "buffer-one", "allow-all"]

_SOURCE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredSchedule:
    """A workflow that is started by cron expressions in `time_zone`, or each `every`.

    `id` is unique in its source. `overlap`: what becomes of an occurrence while the run before it
    is under way. Occurrences that were missed, as when the server was away, are made up for if they
    are not older than `catch_up`. ValueError for what cannot be.
    """

    id: str
    queue: str
    workflow: str
    input: Model | None = None
    cron: tuple[str, ...] = ()
    time_zone: str = "UTC"
    every: timedelta | None = None
    offset: timedelta = timedelta()
    jitter: timedelta = timedelta()
    overlap: Overlap = "skip"
    catch_up: timedelta = timedelta(minutes=1)
    execution_timeout: timedelta | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} cannot be the id of a schedule")
        if bool(self.cron) == (self.every is not None):
            raise ValueError(f"{self.id}: either cron expressions or `every`")
        if self.every is not None and self.every < timedelta(seconds=1):
            raise ValueError(f"{self.id}: `every` has to be a second at least")
        if self.catch_up < timedelta(seconds=10):
            raise ValueError(f"{self.id}: Temporal takes no `catch_up` below ten seconds")

    def mark(self, key_id: str | None) -> str:
        """A hash that differs wherever anything of it does, or the key that encrypts its input."""
        return content_hash({**self._plain(), "key": key_id})

    def _plain(self) -> dict[str, Any]:
        return {
            "queue": self.queue,
            "workflow": self.workflow,
            "input": None if self.input is None else self.input.model_dump(mode="json"),
            "cron": list(self.cron),
            "timeZone": self.time_zone,
            "overlap": self.overlap,
            "seconds": [
                None if span is None else span / timedelta(seconds=1)
                for span in (
                    self.every,
                    self.offset,
                    self.jitter,
                    self.catch_up,
                    self.execution_timeout,
                )
            ],
        }


class ScheduleSource(Protocol):
    """A family's schedules. `name`: small letters, digits and hyphens; unique and for good."""

    @property
    def name(self) -> str: ...

    async def desired(self) -> Sequence[DesiredSchedule]:
        """All that there should be now. If it raises, those that are there are left alone."""
        ...


@dataclass(frozen=True, slots=True)
class FixedSchedules:
    """A source that always wants the same."""

    name: str
    schedules: tuple[DesiredSchedule, ...]

    async def desired(self) -> Sequence[DesiredSchedule]:
        """See `ScheduleSource`."""
        return self.schedules


def schedule_id(source: str, name: str) -> str:
    """The id in Temporal. ValueError if no source can be called so."""
    if not _SOURCE.fullmatch(source):
        raise ValueError(f"{source!r} cannot be the name of a source of schedules")
    return f"{PREFIX}:{source}:{name}"


def source_of(identity: str) -> str | None:
    """The source that a schedule with this id in Temporal is of; None if it is none of ours."""
    prefix, _, rest = identity.partition(":")
    source, colon, name = rest.partition(":")
    is_ours = prefix == PREFIX and colon and name and _SOURCE.fullmatch(source)
    return source if is_ours else None

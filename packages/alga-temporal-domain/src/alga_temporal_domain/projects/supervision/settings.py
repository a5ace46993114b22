"""How workers of projects are supervised."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from alga_workflows_core.infra.settings import Settings


class SupervisionSettings(Settings):
    """Times are in seconds."""

    most_projects: Annotated[
        int,
        Field(
            validation_alias="WORKER_MAX_PROJECTS",
            ge=1,
            le=10_000,
            description="Projects that this process looks after at most.",
        ),
    ] = 100
    ttl: Annotated[
        float,
        Field(
            validation_alias="WORKER_LEASE_TTL",
            ge=1,
            le=600,
            description="Seconds for which a slot is this process's without renewal.",
        ),
    ] = 15.0
    tick: Annotated[
        float,
        Field(
            validation_alias="WORKER_LEASE_TICK",
            gt=0,
            le=200,
            description="Seconds between two renewals.",
        ),
    ] = 4.0
    margin: Annotated[
        float,
        Field(
            validation_alias="WORKER_LEASE_MARGIN",
            gt=0,
            le=200,
            description="Seconds before the end of a lease at which its processes have ended.",
        ),
    ] = 3.0
    starts_at_once: Annotated[
        int,
        Field(
            validation_alias="WORKER_STARTS_AT_ONCE",
            ge=1,
            le=100,
            description="Processes that are started at the same time.",
        ),
    ] = 8
    start_timeout: Annotated[
        float,
        Field(
            validation_alias="WORKER_READY_TIMEOUT",
            gt=0,
            le=600,
            description="Seconds in which a process has to take work.",
        ),
    ] = 30.0
    sweep: Annotated[
        float,
        Field(
            validation_alias="WORKER_SWEEP_INTERVAL",
            gt=0,
            le=600,
            description="Seconds between two looks for work of sleeping projects.",
        ),
    ] = 10.0
    backlog_count: Annotated[
        int,
        Field(
            validation_alias="WORKER_BACKLOG_COUNT",
            ge=1,
            description="Waiting tasks above which a version gets another slot.",
        ),
    ] = 100
    backlog_age: Annotated[
        float,
        Field(
            validation_alias="WORKER_BACKLOG_AGE",
            gt=0,
            description="Seconds of the oldest waiting task above which it does.",
        ),
    ] = 30.0
    more_after: Annotated[
        float,
        Field(
            validation_alias="WORKER_MORE_AFTER",
            gt=0,
            description="Seconds from one change of a version's slots to one more.",
        ),
    ] = 60.0
    fewer_after: Annotated[
        float,
        Field(
            validation_alias="WORKER_FEWER_AFTER",
            gt=0,
            description="Seconds from one change of a version's slots to one less.",
        ),
    ] = 300.0
    statistics: Annotated[
        float,
        Field(
            validation_alias="WORKER_STATISTICS_INTERVAL",
            gt=0,
            le=30,
            description="Seconds between two writes of statistics.",
        ),
    ] = 15.0

    @model_validator(mode="after")
    def _renewed_in_time(self) -> SupervisionSettings:
        if self.tick + self.margin >= self.ttl:
            raise ValueError(
                "WORKER_LEASE_TICK and WORKER_LEASE_MARGIN together have to be shorter than "
                "WORKER_LEASE_TTL"
            )
        return self

    @property
    def patience(self) -> timedelta:
        """How long the server lets one of our transactions wait before it ends it."""
        return timedelta(seconds=self.ttl / 4)

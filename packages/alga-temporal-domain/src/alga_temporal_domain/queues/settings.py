"""Which queues are polled, and how much of each at a time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from alga_temporal_domain.queues.chosen import KNOWN, chosen_queues
from alga_temporal_domain.queues.limits import (
    FEWEST_WORKFLOW_SLOTS,
    MOST_SLOTS,
    Slots,
    parse_slots,
)
from alga_workflows_core.infra.settings import Settings


class QueueSettings(Settings):
    """The queues of one process."""

    several: Annotated[
        str | None,
        Field(
            validation_alias="TEMPORAL_TASK_QUEUES",
            description="The queues to poll, as a comma list.",
        ),
    ] = None
    one: Annotated[
        str | None,
        Field(
            validation_alias="TEMPORAL_TASK_QUEUE",
            validate_default=True,
            description="The same, where TEMPORAL_TASK_QUEUES is not set.",
        ),
    ] = None
    activities: Annotated[
        int | None,
        Field(
            validation_alias="MAX_CONCURRENT_ACTIVITIES",
            ge=1,
            le=MOST_SLOTS,
            description="Activities of each queue at a time.",
        ),
    ] = None
    workflows: Annotated[
        int | None,
        Field(
            validation_alias="MAX_CONCURRENT_WORKFLOWS",
            ge=FEWEST_WORKFLOW_SLOTS,
            le=MOST_SLOTS,
            description="Workflow tasks of each queue at a time.",
        ),
    ] = None
    limits: Annotated[
        str | None,
        Field(
            validation_alias="WORKER_QUEUE_LIMITS",
            description="For single queues: alga-jobs=50/20,sla-workflows=10/40.",
        ),
    ] = None
    longest_silence: Annotated[
        float,
        Field(
            validation_alias="WORKER_POLL_SILENCE",
            ge=90,
            le=3600,
            description="Seconds without a poll after which a queue counts as not polled.",
        ),
    ] = 180.0
    probe_wait: Annotated[
        float,
        Field(
            validation_alias="WORKER_PROBE_WAIT",
            gt=0,
            le=30,
            description="Seconds that /readyz?deep=1 waits for each queue's answer.",
        ),
    ] = 5.0

    @field_validator("several")
    @classmethod
    def _names_queues(cls, value: str | None) -> str | None:
        if value is not None:
            chosen_queues(value)
        return value

    @field_validator("one")
    @classmethod
    def _names_queues_too(cls, value: str | None, info: ValidationInfo) -> str | None:
        # Where the other one is set this is not read, and may be anything.
        if value is not None and info.data.get("several", "") is None:
            chosen_queues(None, value)
        return value

    @field_validator("limits")
    @classmethod
    def _are_limits(cls, value: str | None) -> str | None:
        parse_slots(value or "")
        return value

    @property
    def chosen(self) -> tuple[str, ...]:
        """The queues to poll, in their order."""
        return chosen_queues(self.several, self.one)

    @property
    def slots(self) -> dict[str, Slots]:
        """By queue, what is set for it, else for all."""
        said = parse_slots(self.limits or "")
        return {name: self._slots(said.get(name, Slots())) for name in KNOWN}

    def _slots(self, said: Slots) -> Slots:
        return Slots(
            activities=said.activities or self.activities,
            workflows=said.workflows or self.workflows,
        )

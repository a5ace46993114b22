"""What Temporal starts for each occurrence of a schedule: a workflow of one activity."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field
from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey

from alga_workflows_core.temporal.names import SCHEDULE_FIRE_ACTIVITY, SCHEDULE_FIRE_WORKFLOW
from alga_workflows_core.types.model import Model

# When the occurrence was to be, whatever jitter, catching up and backfilling make of it.
_NOMINAL = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
# Its work is one transaction. If its worker dies, another one is asked after this time.
_ATTEMPT = timedelta(seconds=10)
_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


class ScheduleRef(Model):
    """Which schedule: what the workflow is started with."""

    tenant: str
    schedule: str


class Occurrence(ScheduleRef):
    """One occurrence of it, on a whole second."""

    nominal: datetime


class Fired(Model):
    """What has become of an occurrence: `gone` means that there is no such schedule any more."""

    outcome: Annotated[str, Field(description="started, skipped, failed or gone.")]
    reason: str | None = None
    run_id: str | None = None


@workflow.defn(name=SCHEDULE_FIRE_WORKFLOW)
class ScheduleFireWorkflow:
    """Hands a `ScheduleRef` with its nominal time on, for as long as it takes.

    It reads nothing itself: what only a newer release understands must not hold up its tasks.
    """

    @workflow.run
    async def run(self, schedule: Any) -> Any:
        started = workflow.info()
        nominal = started.typed_search_attributes.get(_NOMINAL) or started.start_time
        return await workflow.execute_activity(
            SCHEDULE_FIRE_ACTIVITY,
            {**schedule, "nominal": nominal.replace(microsecond=0).isoformat()},
            start_to_close_timeout=_ATTEMPT,
            retry_policy=_RETRY,
            summary="launch",
        )

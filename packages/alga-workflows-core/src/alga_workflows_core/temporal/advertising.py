"""How a service tells which actions it serves: a workflow of one activity on the authored queue.

So a service needs a way to Temporal and to nothing else of ours, and what it tells waits until a
worker of the authored queue is there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field
from temporalio import workflow
from temporalio.common import RetryPolicy

from alga_workflows_core.temporal.names import ADVERTISE_ACTIVITY, ADVERTISE_WORKFLOW
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model

TENANT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
QUEUE = r"^[^\x00-\x1f\x7f]{1,200}$"

_ATTEMPT = timedelta(seconds=30)
# What was told waits for the database as long as it takes.
_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=30)
)


class Advertisement(Model):
    """The actions that `queue` serves, for one tenant or, where that is None, for all.

    `lease`: seconds for which the queue counts as served from now on. `actions` are contracts
    (`ActionSpec`) as JSON; each is looked at on its own.
    """

    tenant: Annotated[str | None, Field(pattern=TENANT)] = None
    queue: Annotated[str, Field(pattern=QUEUE)]
    served_by: Annotated[str, Field(max_length=300)]
    build_id: Annotated[str, Field(max_length=64)]
    lease: Annotated[float, Field(gt=0, le=86400)]
    actions: list[JsonObject]


class Refusal(Model):
    """An action that is not in the catalogue as it was told, and why."""

    action_id: str
    version: int
    code: str
    message: str


class Advertised(Model):
    """How many actions the catalogue has taken, and which it has not."""

    accepted: int
    refused: list[Refusal]


@workflow.defn(name=ADVERTISE_WORKFLOW)
class AdvertiseWorkflow:
    """Hands an `Advertisement` on as it came; its result is an `Advertised`.

    It reads nothing itself: what only a newer release understands must not hold up its tasks.
    """

    @workflow.run
    async def run(self, advertisement: Any) -> Any:
        return await workflow.execute_activity(
            ADVERTISE_ACTIVITY,
            advertisement,
            start_to_close_timeout=_ATTEMPT,
            retry_policy=_RETRY,
            summary="record actions",
        )

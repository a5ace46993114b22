"""How workflows of tenants call activities, and what they say when one has failed."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError

from alga_workflows_core.types.model import Model

R = TypeVar("R", bound=Model)

RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(minutes=1),
    maximum_attempts=20,
)
"""A quarter of an hour; then somebody has to look."""

SHORT = timedelta(minutes=5)
LONG = timedelta(hours=12)
HEARTBEAT = timedelta(minutes=1)


async def act(name: str, given: Model, answer: type[R]) -> R:
    """What the activity answers; ActivityError once it is not tried any more."""
    return await workflow.execute_activity(
        name,
        given,
        result_type=answer,
        start_to_close_timeout=SHORT,
        retry_policy=RETRY,
    )


async def do(name: str, given: Model) -> None:
    """The same for an activity that has no answer."""
    await workflow.execute_activity(name, given, start_to_close_timeout=SHORT, retry_policy=RETRY)


async def act_for_long(name: str, given: Model, answer: type[R]) -> R:
    """The same for an activity that may take hours, and tells by heartbeats that it lives."""
    return await workflow.execute_activity(
        name,
        given,
        result_type=answer,
        start_to_close_timeout=LONG,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRY,
    )


async def do_for_long(name: str, given: Model) -> None:
    """The same without an answer."""
    await workflow.execute_activity(
        name,
        given,
        start_to_close_timeout=LONG,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRY,
    )


def why(error: FailureError) -> str:
    """What has failed, in a sentence: the innermost cause that somebody has worded."""
    cause: BaseException = error
    while isinstance(cause, ActivityError | ChildWorkflowError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, ApplicationError) and cause.type:
        return f"{cause.type}: {cause.message}"
    return str(cause)

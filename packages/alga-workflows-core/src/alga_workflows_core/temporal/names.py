"""The names that other programs rely on. A contract test pins them."""

from __future__ import annotations

from uuid import UUID, uuid5

TASK_QUEUE = "workflow-runtime-v2"
RUN_WORKFLOW = "workflowRuntimeV2RunWorkflow"
PERFORM_ACTIVITY = "workflowRuntimeV2Perform"
FLUSH_ACTIVITY = "workflowRuntimeV2Flush"
CHECK_RESULT_ACTIVITY = "workflowRuntimeV2CheckResult"
WORKING_TIME_ACTIVITY = "workflowRuntimeV2WorkingTime"

# How other services tell which actions they serve.
ADVERTISE_WORKFLOW = "workflowRuntimeV2Advertise"
ADVERTISE_ACTIVITY = "workflowRuntimeV2RecordActions"

# What Temporal starts when an occurrence of a schedule has come.
SCHEDULE_FIRE_WORKFLOW = "workflowRuntimeV2ScheduleFire"
SCHEDULE_FIRE_ACTIVITY = "workflowRuntimeV2FireSchedule"

# What a run is told. The first two end a wait; the third ends a pause, as a RESUME does.
EVENT_SIGNAL = "workflowRuntimeV2Event"
HUMAN_TASK_SIGNAL = "workflowRuntimeV2HumanTask"
QUOTA_RESUME_SIGNAL = "workflowRuntimeV2QuotaResume"
CONTROL_SIGNAL = "workflowRuntimeV2Control"

CURRENT_STEP_QUERY = "workflowRuntimeV2CurrentStep"
CURRENT_WAIT_QUERY = "workflowRuntimeV2CurrentWait"
SUMMARY_QUERY = "workflowRuntimeV2InterpreterSummary"

_WORKFLOW_ID = "workflow-runtime-v2:run:"
SCHEDULE_PREFIX = "workflow-runtime-v2:schedule:"

# The root of all derived ids: uuid5(NAMESPACE_DNS, "alga-workflows").
_ROOT = UUID("e50b2aea-ac9a-5fc4-9922-f42b989718a1")
_LONGEST_STEP = 900


def workflow_id(run_id: UUID) -> str:
    """The Temporal workflow id of a run."""
    return f"{_WORKFLOW_ID}{run_id}"


def run_of(workflow: str) -> UUID | None:
    """The run whose workflow id this is; None if it is no run's."""
    prefix, written, name = workflow.rpartition(_WORKFLOW_ID)
    try:
        found = UUID(name) if written and not prefix else None
    except ValueError:
        return None
    return found if found is not None and workflow_id(found) == workflow else None


def run_id(tenant: str, definition_id: str, trigger_type: str, key: str) -> UUID:
    """The id of the run that this trigger with this key starts; always the same one."""
    # A unit separator cannot occur in tenant, definition or trigger, so no two keys run together.
    return uuid5(_ROOT, "\x1f".join(("run", tenant, definition_id, trigger_type, key)))


def invocation_id(run: UUID, step: str, series: int) -> UUID:
    """The id of a call: the same in every attempt, and in a retry of the run that comes past it.

    `step` is the path with loop indices; `series` grows when an operator has it tried anew.
    """
    return uuid5(run, f"{step}\x1f{series}")


def wait_id(run: UUID, key: str) -> UUID:
    """The id of the wait that a run knows as `key`."""
    return uuid5(run, f"wait\x1f{key}")


def cancel_id(wait: UUID) -> UUID:
    """The id of the delivery that asks the run to cancel whose end `wait` waits for."""
    return uuid5(wait, "cancel")


def advertise_id(queue: str, content_hash: str) -> str:
    """The Temporal workflow id of an advertisement: the same for the same content and queue."""
    return f"workflow-runtime-v2:advertise:{queue}:{content_hash}"


def schedule_id(tenant: str, name: str) -> str:
    """The id of a tenant's schedule in Temporal."""
    return f"{SCHEDULE_PREFIX}{tenant}:{name}"


def schedule_of(identity: str) -> tuple[str, str] | None:
    """The tenant and the name that `schedule_id` was given; None if it made no such id."""
    if not identity.startswith(SCHEDULE_PREFIX):
        return None
    # A name has no colon.
    tenant, colon, name = identity.removeprefix(SCHEDULE_PREFIX).rpartition(":")
    return (tenant, name) if colon and tenant and name else None


def schedule_fire_id(tenant: str, name: str) -> str:
    """How the Temporal workflow ids of a schedule's occurrences begin; Temporal adds the time."""
    return f"workflow-runtime-v2:schedule-fire:{tenant}:{name}"


def activity_id(number: int, step: str) -> str:
    """The Temporal activity id of a run's remote action number `number`, made for `step`."""
    # Temporal takes 1,000 bytes; of a longer path the end tells more.
    return f"{number}:{step[-_LONGEST_STEP:]}"


def step_of_activity(identity: str) -> str:
    """The step that `activity_id` was given; "" if it made no such id."""
    return identity.partition(":")[2]

"""The names that other programs rely on. A contract test pins them."""

from __future__ import annotations

from uuid import UUID, uuid5

TASK_QUEUE = "workflow-runtime-v2"
RUN_WORKFLOW = "workflowRuntimeV2RunWorkflow"
PERFORM_ACTIVITY = "workflowRuntimeV2Perform"
FLUSH_ACTIVITY = "workflowRuntimeV2Flush"
WORKING_TIME_ACTIVITY = "workflowRuntimeV2WorkingTime"

# What a run is told. The first two end a wait; the third ends a pause, as a RESUME does.
EVENT_SIGNAL = "workflowRuntimeV2Event"
HUMAN_TASK_SIGNAL = "workflowRuntimeV2HumanTask"
QUOTA_RESUME_SIGNAL = "workflowRuntimeV2QuotaResume"
CONTROL_SIGNAL = "workflowRuntimeV2Control"

CURRENT_STEP_QUERY = "workflowRuntimeV2CurrentStep"
CURRENT_WAIT_QUERY = "workflowRuntimeV2CurrentWait"
SUMMARY_QUERY = "workflowRuntimeV2InterpreterSummary"

# The root of all derived ids: uuid5(NAMESPACE_DNS, "alga-workflows").
_ROOT = UUID("e50b2aea-ac9a-5fc4-9922-f42b989718a1")


def workflow_id(run_id: UUID) -> str:
    """The Temporal workflow id of a run."""
    return f"workflow-runtime-v2:run:{run_id}"


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

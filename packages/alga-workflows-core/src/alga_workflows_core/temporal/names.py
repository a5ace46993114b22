"""The names that other programs rely on. A contract test pins them."""

from __future__ import annotations

from uuid import UUID, uuid5

TASK_QUEUE = "workflow-runtime-v2"
RUN_WORKFLOW = "workflowRuntimeV2RunWorkflow"
PERFORM_ACTIVITY = "workflowRuntimeV2Perform"
FLUSH_ACTIVITY = "workflowRuntimeV2Flush"

# The root of all derived ids: uuid5(NAMESPACE_DNS, "alga-workflows").
_ROOT = UUID("e50b2aea-ac9a-5fc4-9922-f42b989718a1")


def workflow_id(run_id: UUID) -> str:
    """The Temporal workflow id of a run."""
    return f"workflow-runtime-v2:run:{run_id}"


def run_id(tenant: str, definition_id: str, trigger_type: str, key: str) -> UUID:
    """The id of the run that this trigger with this key starts; always the same one."""
    # A unit separator cannot occur in tenant, definition or trigger, so no two keys run together.
    return uuid5(_ROOT, "\x1f".join(("run", tenant, definition_id, trigger_type, key)))


def invocation_id(run: UUID, epoch: int, step: str) -> UUID:
    """The id of an action's call; the same in every attempt, other in a retry of the run."""
    return uuid5(run, f"{epoch}\x1f{step}")

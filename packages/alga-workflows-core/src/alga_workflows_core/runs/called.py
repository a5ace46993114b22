"""Which run a wait for a run waits for."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.temporal.names import run_id
from alga_workflows_core.types.json import JsonObject

TRIGGER_CHILD = "child"


def called_run(tenant: str, wait: WaitRow) -> UUID:
    """The run that a wait of kind `child` has started, whether its row is there or not."""
    called = cast("JsonObject", wait.detail)["workflowId"]
    return run_id(tenant, called, TRIGGER_CHILD, str(wait.id))

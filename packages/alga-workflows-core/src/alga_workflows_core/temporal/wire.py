"""What travels between clients, workflow and activities. Changing a field changes histories."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from alga_workflows_core.definition.action_spec import PinnedAction
from alga_workflows_core.definition.model import Model
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.types.json import Json, JsonObject


class RunIdentity(Model):
    """Which run this is; enough to make its row."""

    run_id: UUID
    tenant_id: str
    workflow_id: str
    workflow_version: int
    trigger_type: str
    execution_key: str
    epoch: int = 0
    created_by: str = "temporal"


class RunInput(RunIdentity):
    """The start input of a run. The definition travels with it."""

    engine: int
    expression_engine: str
    payload: Json = None
    definition: JsonObject
    actions: list[PinnedAction]

    def identity(self) -> RunIdentity:
        return RunIdentity(**{name: getattr(self, name) for name in RunIdentity.model_fields})


class PerformRequest(Model):
    """One action to perform, and the facts that ride with it."""

    run: RunIdentity
    temporal_run_id: str
    step: str
    invocation_id: UUID
    action_id: str
    version: int
    input: JsonObject
    facts: list[Fact]


class PerformResult(Model):
    """`flushed` is false when the facts could not be written; the run keeps them then."""

    output: Json = None
    flushed: bool


class FlushRequest(Model):
    """Facts to be written as rows."""

    run: RunIdentity
    temporal_run_id: str
    facts: Annotated[list[Fact], Field(min_length=1)]

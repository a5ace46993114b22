"""What an `ActionWorker` refuses before it begins."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from alga_workflows_core.actions.contract import AUTHORED_QUEUE, Action, action
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.worker.action_worker import ActionWorker

NOWHERE = load(DatabaseSettings, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})


class Nothing(BaseModel):
    """No fields."""


class Large(BaseModel):
    """A schema of more than 256 KiB."""

    field: str = Field(description="x" * 300_000)


def made(kind: ActionKind, *, queue: str = AUTHORED_QUEUE) -> Action:
    """An action of this kind that does nothing."""

    @action(f"test.{kind.value}", version=1, kind=kind, queue=queue)
    async def do(request: Nothing) -> Nothing:
        return request

    return do


READ = made(ActionKind.READ)


def refused(*actions: Action, queue: str = "billing", tenant: str | None = None) -> list[str]:
    """The faults that the worker names."""
    with pytest.raises(SettingsError) as caught:
        ActionWorker(queue=queue, actions=actions, tenant=tenant)
    faults: list[str] = caught.value.details["faults"]
    assert all(fault in str(caught.value) for fault in faults)
    return faults


def test_the_queue_of_runs_is_not_for_others() -> None:
    """Whoever polled it would take workflow tasks and calls that are not its own."""
    (fault,) = refused(READ, queue="workflow-runtime-v2")
    assert "'workflow-runtime-v2' is the queue of the runs themselves" in fault


@pytest.mark.parametrize("queue", ["", "a\nb", "x" * 201])
def test_a_queue_has_a_name(queue: str) -> None:
    """Of 1 to 200 characters that can be shown."""
    assert "cannot be a queue" in refused(READ, queue=queue)[0]


@pytest.mark.parametrize(
    "kind", [ActionKind.IDEMPOTENT, ActionKind.TRANSACTIONAL, ActionKind.UNSAFE]
)
def test_what_changes_something_needs_a_ledger(kind: ActionKind) -> None:
    """Without a database only actions that read are served, and the error says so."""
    (fault,) = refused(READ, made(kind))
    assert fault.startswith(f"test.{kind.value} 1 is {kind.value}, so it needs a ledger")
    assert "`database`" in fault
    ActionWorker(queue="billing", actions=[made(kind)], database=NOWHERE)


def test_pure_actions_are_not_served() -> None:
    """They run inside the workflow, where a service's code is not."""
    assert "is pure" in refused(made(ActionKind.PURE))[0]


def test_all_faults_are_told_at_once() -> None:
    """Queue, tenant and every action."""
    elsewhere = made(ActionKind.UNSAFE, queue="elsewhere")
    faults = refused(elsewhere, made(ActionKind.PURE), queue="workflow-runtime-v2", tenant="*")
    assert len(faults) == 5
    assert any("written for queue 'elsewhere'" in fault for fault in faults)
    assert refused() == ["There are no actions to serve."]


def test_a_contract_has_a_size() -> None:
    """One that no advertisement could carry is refused here and not by Temporal."""

    @action("test.large", version=1, kind=ActionKind.READ)
    async def do(request: Large) -> Nothing:
        return Nothing()

    (fault,) = refused(do)
    assert "262144 is the limit" in fault

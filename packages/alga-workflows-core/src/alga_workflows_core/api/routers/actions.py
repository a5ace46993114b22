"""The catalogue of actions."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from alga_workflows_core.catalogue.actions import ActionCatalogue, ListedAction
from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.infra.web.access import Reader
from alga_workflows_core.types.model import Model


class ActionView(ActionSpec):
    """A contract, and who serves it.

    `servedBy`: the worker that has told of it last, `seenAt`: when; `servedUntil`: until when that
    counts. All three are null for an action that comes with the engine.
    """

    served_by: str | None
    seen_at: datetime | None
    served_until: datetime | None


class ActionsView(Model):
    """Every action, by id and version."""

    items: list[ActionView]


def router(catalogue: ActionCatalogue) -> APIRouter:
    """Endpoints over `catalogue`."""
    routes = APIRouter(tags=["actions"])

    @routes.get("/actions")
    async def list_actions(
        caller: Reader,
    ) -> ActionsView:
        """Every action that a definition may call, with its schemas and its queue."""
        return ActionsView(items=[_view(listed) for listed in await catalogue.list(caller.tenant)])

    return routes


def _view(listed: ListedAction) -> ActionView:
    return ActionView(
        **{name: getattr(listed.spec, name) for name in ActionSpec.model_fields},
        served_by=listed.served_by,
        seen_at=listed.seen_at,
        served_until=listed.served_until,
    )

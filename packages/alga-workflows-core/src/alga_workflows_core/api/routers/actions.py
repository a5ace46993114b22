"""The catalogue of actions."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from alga_workflows_core.api.access import Reader
from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.model import Model


class ActionsView(Model):
    """Every action, by id and version."""

    items: list[ActionSpec]


def router(actions: Mapping[tuple[str, int], ActionSpec]) -> APIRouter:
    """Endpoints over a frozen catalogue."""
    routes = APIRouter(tags=["actions"])

    @routes.get("/actions")
    async def list_actions(
        _caller: Reader,
    ) -> ActionsView:
        """Every action that a definition may call, with its schemas."""
        return ActionsView(items=list(actions.values()))

    return routes

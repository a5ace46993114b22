"""Perform one action of a registry, within its time limit."""

from __future__ import annotations

import asyncio

from alga_workflows_core.actions.calling import call_handler
from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.errors import Category
from alga_workflows_core.types.json import Json, JsonObject


class Performer:
    """Performs the actions of one registry, within their time limits."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def perform(
        self, action_id: str, version: int, request: JsonObject, invocation: Invocation
    ) -> Json:
        """The action's output as JSON; ActionError for everything that goes wrong."""
        action = self._registry.find(action_id, version)
        if action is None:
            raise ActionError(
                "ACTION_NOT_SERVED",
                f"This worker does not serve {action_id} version {version}.",
                category=Category.TRANSIENT,
                retryable=True,
            )
        try:
            async with asyncio.timeout(action.spec.timeout):
                return await call_handler(action, request, invocation)
        except TimeoutError as error:
            raise ActionError(
                "ACTION_TIMEOUT",
                f"{action_id} did not finish within {action.spec.timeout:g} s.",
                category=Category.TIMEOUT,
                retryable=True,
            ) from error

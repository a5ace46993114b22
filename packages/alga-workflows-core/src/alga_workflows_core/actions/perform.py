"""Perform one action: check its input, call its handler, check its output, classify its failure."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from alga_workflows_core.actions.contract import Action, Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.lanes import MAX_LOCAL_BYTES, MAX_REMOTE_BYTES, encoded_size
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.errors import AlgaError, Category
from alga_workflows_core.types.json import Json, JsonObject


class Performer:
    """Performs the actions of one registry, within their time and size limits."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def perform(
        self,
        action_id: str,
        version: int,
        request: JsonObject,
        invocation: Invocation,
        *,
        local: bool,
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
                output = await call_handler(action, request, invocation)
        except TimeoutError as error:
            raise ActionError(
                "ACTION_TIMEOUT",
                f"{action_id} did not finish within {action.spec.timeout:g} s.",
                category=Category.TIMEOUT,
                retryable=True,
            ) from error
        limit = MAX_LOCAL_BYTES if local else MAX_REMOTE_BYTES
        size = encoded_size(output)
        if size > limit:
            raise ActionError(
                "SIZE_LIMIT",
                f"The output of {action_id} has {size} bytes; {limit} is the limit.",
                category=Category.LIMIT,
                details={"bytes": size, "limit": limit},
            )
        return output


async def call_handler(action: Action, request: JsonObject, invocation: Invocation) -> Json:
    """Call a handler with validated input; its output as JSON. ActionError on any failure."""
    try:
        model = action.input_model.model_validate(request)
    except ValidationError as error:
        raise ActionError(
            "ACTION_INPUT_INVALID",
            f"The input of {action.spec.id} is not valid: {_faults(error)}.",
            category=Category.VALIDATION,
        ) from error
    try:
        output = await action.handler(model, invocation)
    except (ActionError, TimeoutError):
        raise
    except AlgaError as error:
        raise ActionError(
            error.error_code,
            error.message,
            category=Category.ACTION,
            details=error.details,
            remedy=error.remedy,
        ) from error
    except Exception as error:
        # A handler is other people's code: whatever it raises becomes a failure of its step.
        raise ActionError(
            "ACTION_FAILED",
            f"{action.spec.id} raised {type(error).__name__}: {str(error)[:500]}",
            category=Category.ACTION,
            retryable=True,
        ) from error
    return output.model_dump(mode="json", by_alias=True)


def _faults(error: ValidationError) -> str:
    # Values are left out: an input may hold personal data.
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'input'}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )

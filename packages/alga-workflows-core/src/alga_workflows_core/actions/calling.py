"""Call the handler of one action: check its input and its output, classify its failure."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from alga_workflows_core.actions.contract import Action, Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.output import as_json
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import AlgaError, Category, UnavailableError
from alga_workflows_core.types import faults
from alga_workflows_core.types.json import Json, JsonObject

CRASHED = "ACTION_FAILED"
"""The code of an exception that a handler did not mean to raise."""

_MOST_FAULTS = 20


async def call_handler(action: Action, request: JsonObject, invocation: Invocation) -> Json:
    """Call a handler with validated input; its output as JSON, checked and within its size limit.

    ActionError on any failure. No message holds a value of the input.
    """
    return await answer(action, validated(action, request), invocation)


def validated(action: Action, request: JsonObject) -> BaseModel:
    """The input as the handler takes it; ActionError `ACTION_INPUT_INVALID`."""
    try:
        return action.input_model.model_validate(request, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ActionError(
            "ACTION_INPUT_INVALID",
            f"The input of {action.spec.id} is not valid: {_told(error)}.",
            category=Category.VALIDATION,
        ) from error


def kind_of_call(action: Action, request: BaseModel, invocation: Invocation) -> ActionKind:
    """What may happen when this very call is made again; ActionError if nobody can tell."""
    try:
        return action.kind_of(request, invocation)
    except Exception as error:
        # Other people's code, as the handler is.
        raise ActionError(
            CRASHED,
            f"{action.spec.id} raised {type(error).__name__} when it was asked for its kind.",
        ) from error


async def answer(action: Action, request: BaseModel, invocation: Invocation) -> Json:
    """Call a handler; its output as JSON, checked and within its size limit.

    ActionError on any failure; it is `unknown` unless the handler raised it on purpose.
    """
    try:
        output = await action.handler(request, invocation)
    except ActionError:
        raise
    except TimeoutError as error:
        raise ActionError(
            "ACTION_TIMEOUT",
            f"{action.spec.id} waited for something that did not come in time.",
            category=Category.TIMEOUT,
            retryable=True,
            unknown=True,
        ) from error
    except AlgaError as error:
        unavailable = isinstance(error, UnavailableError)
        raise ActionError(
            error.error_code,
            error.message,
            category=Category.TRANSIENT if unavailable else Category.ACTION,
            retryable=unavailable,
            details=error.details,
            remedy=error.remedy,
            unknown=True,
        ) from error
    except Exception as error:
        # A handler is other people's code: whatever it raises becomes a failure of its step. What
        # the exception says stays out of it, since that may be what the handler was working on.
        raise ActionError(
            CRASHED,
            f"{action.spec.id} raised {type(error).__name__}.",
            category=Category.ACTION,
            retryable=True,
            unknown=True,
        ) from error
    try:
        return as_json(action, output)
    except ActionError as error:
        # It has done what it does, though nobody can use what it says.
        error.unknown = True
        raise


def _told(error: ValidationError) -> str:
    listed = error.errors(include_input=False, include_url=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'input'}: {faults.sentence(fault)}"
        for fault in listed[:_MOST_FAULTS]
    )

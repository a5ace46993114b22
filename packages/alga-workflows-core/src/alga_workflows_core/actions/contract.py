"""How an action is written: `@action(...)` on an async function with typed input and output.

    class SlugInput(BaseModel): ...
    class SlugOutput(BaseModel): ...

    @action("text.slug", version=1, kind=ActionKind.PURE)
    async def slug(request: SlugInput) -> SlugOutput: ...

The decorator registers nothing; it makes an `Action`, which somebody hands to a `Registry`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, TypeGuard, TypeVar, get_type_hints
from uuid import UUID

from pydantic import BaseModel

from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec, RetrySpec

AUTHORED_QUEUE = "workflow-runtime-v2"
ACTION_ID = re.compile(r"[a-z][A-Za-z0-9_.-]{0,127}")
SHORT_ACTION_SECONDS = 2.0

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)

Out = TypeVar("Out", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Which call this is. `id` is the same in every attempt of one call and in no other call."""

    id: UUID
    tenant: str
    run_id: UUID
    step: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A contract and the code that fulfils it."""

    spec: ActionSpec
    input_model: type[BaseModel]
    output_model: type[BaseModel]
    handler: Callable[[Any, Invocation], Awaitable[BaseModel]]


def action(
    action_id: str,
    *,
    version: int,
    kind: ActionKind,
    short: bool = False,
    timeout: float = 60.0,
    retry: RetrySpec | None = None,
    queue: str = AUTHORED_QUEUE,
) -> Callable[[Callable[..., Awaitable[Out]]], Action]:
    """Make an `Action` of `async def f(request: Model[, invocation: Invocation]) -> Model`.

    `timeout` is seconds per attempt. `short` promises two seconds and 256 KiB of output at most,
    and lets a read or idempotent action run beside the workflow instead of through a task queue.
    The first line of the docstring is the description. TypeError where the function has another
    shape, ValueError where a value is out of its range.
    """
    if not ACTION_ID.fullmatch(action_id):
        raise ValueError(f"{action_id!r} is no action id: it has to match {ACTION_ID.pattern}")
    if version < 1:
        raise ValueError(f"{action_id}: versions count from 1, not from {version}")
    if short and timeout > SHORT_ACTION_SECONDS:
        raise ValueError(f"{action_id}: a short action's timeout is at most 2 seconds")

    def make(function: Callable[..., Awaitable[Out]]) -> Action:
        input_model, output_model, takes_invocation = _shape(function)

        async def handler(request: BaseModel, invocation: Invocation) -> BaseModel:
            if takes_invocation:
                return await function(request, invocation)
            return await function(request)

        lines = (inspect.getdoc(function) or action_id).splitlines()
        return Action(
            spec=ActionSpec(
                id=action_id,
                version=version,
                kind=kind,
                short=short,
                timeout=timeout,
                retry=retry or RetrySpec(),
                queue=queue,
                description=lines[0],
                input_schema=input_model.model_json_schema(by_alias=True),
                output_schema=output_model.model_json_schema(by_alias=True, mode="serialization"),
            ),
            input_model=input_model,
            output_model=output_model,
            handler=handler,
        )

    return make


def _shape(function: Callable[..., Any]) -> tuple[type[BaseModel], type[BaseModel], bool]:
    """The input model, the output model, and whether it takes the invocation."""
    call = function if inspect.isroutine(function) else type(function).__call__
    if not inspect.iscoroutinefunction(call):
        raise TypeError(f"{function!r} has to be an async function")
    try:
        hints = get_type_hints(call)
    except NameError as error:
        raise TypeError(f"{function!r} has an annotation that cannot be read: {error}") from error
    parameters = list(inspect.signature(function).parameters.values())
    given = [hints.get(parameter.name) for parameter in parameters]
    output = hints.get("return")
    if (
        not all(parameter.kind in _POSITIONAL for parameter in parameters)
        or given[1:] not in ([], [Invocation])
        or not (given and _is_model(given[0]) and _is_model(output))
    ):
        raise TypeError(
            f"{function!r} has to be `async def f(request: Model[, invocation: Invocation])"
            " -> Model` with Pydantic models"
        )
    return given[0], output, len(given) == 2


def _is_model(hint: object) -> TypeGuard[type[BaseModel]]:
    return inspect.isclass(hint) and issubclass(hint, BaseModel)

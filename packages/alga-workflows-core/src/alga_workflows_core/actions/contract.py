"""How an action is written: `@action(...)` on an async function with typed input and output.

    class Slug(BaseModel): ...

    @action("text.slug", version=1, kind=ActionKind.PURE)
    async def slug(request: SlugInput) -> SlugOutput: ...

The decorator registers nothing; it makes an `Action`, which somebody hands to a `Registry`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

from pydantic import BaseModel

from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec, RetrySpec

AUTHORED_QUEUE = "workflow-runtime-v2"
SHORT_ACTION_SECONDS = 2.0

In = TypeVar("In", bound=BaseModel)
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

    `timeout` is seconds per attempt. `short` promises two seconds at most, and lets a read or
    idempotent action run beside the workflow instead of through a task queue. The first line of the
    docstring is the description. TypeError where the function has another shape.
    """

    def make(function: Callable[..., Awaitable[Out]]) -> Action:
        input_model, output_model, takes_invocation = _shape(function)
        if short and timeout > SHORT_ACTION_SECONDS:
            raise TypeError(f"{action_id}: a short action's timeout is at most 2 seconds")

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
    call = function if inspect.isroutine(function) else type(function).__call__
    if not inspect.iscoroutinefunction(call):
        raise TypeError(f"{function!r} has to be an async function")
    hints = get_type_hints(call)
    output = hints.pop("return", None)
    parameters = list(hints.values())
    models = [
        hint
        for hint in (*parameters[:1], output)
        if inspect.isclass(hint) and issubclass(hint, BaseModel)
    ]
    if len(models) != 2 or len(parameters) > 2 or parameters[1:] not in ([], [Invocation]):
        raise TypeError(
            f"{function!r} has to be `async def f(request: Model[, invocation: Invocation])"
            " -> Model` with Pydantic models"
        )
    return models[0], models[1], len(parameters) == 2

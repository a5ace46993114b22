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
from typing import Any, Protocol, TypeGuard, TypeVar, get_type_hints
from uuid import UUID

from pydantic import BaseModel

from alga_workflows_core.actions.secret_fields import secret_fields
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec, RetrySpec

AUTHORED_QUEUE = "workflow-runtime-v2"
ACTION_ID = re.compile(r"[a-z][A-Za-z0-9_.-]{0,127}")
SHORT_ACTION_SECONDS = 2.0

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)

Out = TypeVar("Out", bound=BaseModel)


class Transaction(Protocol):
    """A transaction of the ledger's database, as far as an action uses it: SQLAlchemy's
    `AsyncConnection` is one. It is committed or rolled back by whoever made it."""

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Execute one statement."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Which call this is.

    `id` is the same in every attempt of one call and in no other call. `idempotency_key` is what a
    target may know the call by: the authored key, else the id. `authored_key`: the first of these.
    """

    id: UUID
    tenant: str
    run_id: UUID
    step: str
    attempt: int
    authored_key: str | None = None
    transaction_or_none: Transaction | None = None

    @property
    def idempotency_key(self) -> str:
        return self.authored_key if self.authored_key is not None else str(self.id)

    @property
    def transaction(self) -> Transaction:
        """The transaction that a transactional action writes in; it commits when the handler has
        answered. TypeError in any other action."""
        if self.transaction_or_none is None:
            raise TypeError("Only a transactional action has a transaction.")
        return self.transaction_or_none


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A contract and the code that fulfils it. `kind_of` is the kind of one call, which is never
    more dangerous than the contract's."""

    spec: ActionSpec
    input_model: type[BaseModel]
    output_model: type[BaseModel]
    handler: Callable[[Any, Invocation], Awaitable[BaseModel]]
    kind_of: Callable[[Any, Invocation], ActionKind]


def action(
    action_id: str,
    *,
    version: int,
    kind: ActionKind,
    short: bool = False,
    timeout: float = 60.0,
    retry: RetrySpec | None = None,
    queue: str = AUTHORED_QUEUE,
    kind_of: Callable[[Any, Invocation], ActionKind] | None = None,
) -> Callable[[Callable[..., Awaitable[Out]]], Action]:
    """Make an `Action` of `async def f(request: Model[, invocation: Invocation]) -> Model`.

    `kind_of` tells the kind of one call from its input and key, where that differs; `kind` is the
    most dangerous of them. `timeout` is seconds per attempt. `short` promises two seconds and 256
    KiB of output at most, and lets a read, idempotent or transactional action run beside the
    workflow instead of through a task queue. Fields of the input that are `SecretStr` are the
    contract's `secret_fields`; a pure action has none. The first line of the docstring is the
    description.
    TypeError where the function has another shape, ValueError where a value is out of its range.
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

        takes = input_model.model_json_schema(by_alias=True)
        secrets = secret_fields(takes)
        if secrets and kind is ActionKind.PURE:
            raise ValueError(f"{action_id}: a pure action gets no secrets, as {secrets[0]} is one")
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
                input_schema=takes,
                output_schema=output_model.model_json_schema(by_alias=True, mode="serialization"),
                secret_fields=secrets,
            ),
            input_model=input_model,
            output_model=output_model,
            handler=handler,
            kind_of=kind_of or (lambda _request, _invocation: kind),
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

"""Perform one action of a registry: its secrets, its checks, its time limit, its ledger."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from pydantic import BaseModel

from alga_workflows_core.actions.calling import CRASHED, answer, kind_of_call, validated
from alga_workflows_core.actions.contract import Action, Invocation, Transaction
from alga_workflows_core.actions.errors import (
    ActionError,
    InterruptedActionError,
    NotPerformedError,
)
from alga_workflows_core.actions.ledgered import LedgeredCall, LedgeredCalls
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.definition.canonical import content_hash
from alga_workflows_core.errors import Category
from alga_workflows_core.storage.ledger import Entry, Ledger
from alga_workflows_core.types.json import Json, JsonObject

log = structlog.get_logger()


class Mask(Protocol):
    """Takes the secrets of one call out of what leaves it."""

    def json(self, value: Json) -> Json:
        """`value` without them."""
        ...

    def text(self, value: str) -> str:
        """`value` without them."""
        ...


class Opened(Protocol):
    """An input with its secrets in place, and the mask for them."""

    @property
    def input(self) -> JsonObject: ...

    @property
    def mask(self) -> Mask: ...


OpenSecrets = Callable[[JsonObject, Mapping[str, str], str], AbstractAsyncContextManager[Opened]]
"""Puts secrets (JSON Pointer to name) of a tenant into an input; ActionError if there is none."""


class _NoMask:
    def json(self, value: Json) -> Json:
        return value

    def text(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class _Plain:
    input: JsonObject
    mask: Mask = _NoMask()  # noqa: RUF009 - it has no state


@asynccontextmanager
async def no_secrets(
    request: JsonObject,
    secrets: Mapping[str, str],
    tenant: str,  # noqa: ARG001
) -> AsyncGenerator[Opened]:
    """For a process that has no secrets; ActionError `SECRET_UNAVAILABLE` if one is needed."""
    if secrets:
        raise ActionError(
            "SECRET_UNAVAILABLE",
            "The input of the action names secrets, and this worker has none.",
            category=Category.VALIDATION,
            details={"inputs": sorted(secrets)},
        )
    yield _Plain(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call of an action with its input checked."""

    action: Action
    model: BaseModel
    invocation: Invocation
    timeout: float
    mask: Mask

    @property
    def spec(self) -> ActionSpec:
        return self.action.spec


class Performer:
    """Performs the actions of one registry.

    Without a ledger, as in a service that has no database, idempotent actions rely on their target
    alone, and transactional and unsafe ones are refused.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        ledger: Ledger | None = None,
        secrets: OpenSecrets = no_secrets,
    ) -> None:
        self._registry = registry
        self._calls = None if ledger is None else LedgeredCalls(ledger)
        self._open = secrets

    def contract(self, action_id: str, version: int) -> ActionSpec | None:
        """The contract of an action, if it is served here."""
        action = self._registry.find(action_id, version)
        return None if action is None else action.spec

    async def perform(
        self,
        action_id: str,
        version: int,
        request: JsonObject,
        invocation: Invocation,
        *,
        series: int = 1,
        secrets: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the document's, for the handler alone
    ) -> Json:
        """The action's output as JSON; ActionError for everything that goes wrong.

        `secrets`: JSON Pointer into `request` to the name of the secret that belongs there.
        `timeout`: seconds for the handler; None: the contract's. An attempt in which the handler
        could not be called raises NotPerformedError, a cancelled one InterruptedActionError.
        """
        action = self._registry.find(action_id, version)
        if action is None:
            raise NotPerformedError(
                "ACTION_NOT_SERVED", f"This worker does not serve {action_id} version {version}."
            )
        try:
            async with self._open(request, secrets or {}, invocation.tenant) as opened:
                call = _Call(
                    action=action,
                    model=_checked(action, opened),
                    invocation=invocation,
                    timeout=action.spec.timeout if timeout is None else timeout,
                    mask=opened.mask,
                )
                entry = _entry(call, request, secrets or {}, series)
                return await self._by_kind(call, entry)
        except asyncio.CancelledError:
            raise InterruptedActionError(action_id, unknown=False, repeatable=True) from None

    async def _by_kind(self, call: _Call, entry: Entry) -> Json:
        kind = kind_of_call(call.action, call.model, call.invocation)

        async def work(transaction: Transaction | None) -> Json:
            return await _worked(call, transaction)

        ledgered = LedgeredCall(entry=entry, work=work)
        match kind:
            case ActionKind.PURE | ActionKind.READ:
                return await work(None)
            case ActionKind.IDEMPOTENT if self._calls is None:
                return await _without_ledger(call)
            case _ if self._calls is None:
                raise ActionError(
                    "LEDGER_MISSING",
                    f"{call.spec.id} is {kind.value}, and this worker has no ledger.",
                    category=Category.VALIDATION,
                    remedy="Give the worker a database with the ledger (`install_ledger`).",
                )
            case ActionKind.TRANSACTIONAL:
                return await self._calls.transactional(ledgered)
            case _:
                return await self._calls.claimed(
                    ledgered, repeatable=kind is ActionKind.IDEMPOTENT
                )


async def _without_ledger(call: _Call) -> Json:
    try:
        return await _worked(call, None)
    except asyncio.CancelledError:
        raise InterruptedActionError(call.spec.id, unknown=True, repeatable=True) from None


def _checked(action: Action, opened: Opened) -> BaseModel:
    try:
        return validated(action, opened.input)
    except ActionError as error:
        raise _masked(error, opened.mask) from None


async def _worked(call: _Call, transaction: Transaction | None) -> Json:
    """What the handler answers within its time, without secrets; so for what it fails with."""
    invocation = replace(call.invocation, transaction_or_none=transaction)
    try:
        return call.mask.json(await _in_time(call, invocation))
    except ActionError as error:
        if error.error_code == CRASHED:
            # What a handler did not mean to raise can only be mended with its traceback.
            log.error(
                error.message,
                action="action.crashed",
                step=invocation.step,
                traceback=call.mask.text("".join(traceback.format_exception(error))),
            )
        raise _masked(error, call.mask) from None


async def _in_time(call: _Call, invocation: Invocation) -> Json:
    task = asyncio.current_task()
    try:
        async with asyncio.timeout(call.timeout):
            return await answer(call.action, call.model, invocation)
    except TimeoutError as error:
        raise ActionError(
            "ACTION_TIMEOUT",
            f"{call.spec.id} did not finish within {call.timeout:g} s.",
            category=Category.TIMEOUT,
            retryable=True,
            unknown=True,
        ) from error
    except asyncio.CancelledError as error:
        if task is None or task.cancelling():
            raise
        raise ActionError(
            CRASHED,
            f"{call.spec.id} raised CancelledError, and nobody had asked it to stop.",
            retryable=True,
            unknown=True,
        ) from error


def _masked(error: ActionError, mask: Mask) -> ActionError:
    """`error` without secrets, and without the exception behind it, which may quote them."""
    details = mask.json(error.details)
    error.message = mask.text(error.message)
    error.remedy = None if error.remedy is None else mask.text(error.remedy)
    error.details = details if isinstance(details, dict) else {}
    error.args = (error.message,)
    error.__cause__ = error.__context__ = None
    return error


def _entry(call: _Call, request: JsonObject, secrets: Mapping[str, str], series: int) -> Entry:
    """The ledger knows the input by its hash, in which secrets are names."""
    invocation = call.invocation
    return Entry(
        tenant=invocation.tenant,
        invocation=invocation.id,
        run_id=invocation.run_id,
        step=invocation.step,
        series=series,
        action_id=call.spec.id,
        version=call.spec.version,
        input_hash=content_hash({"input": request, "secrets": dict(secrets)}),
        authored_key=invocation.authored_key,
    )

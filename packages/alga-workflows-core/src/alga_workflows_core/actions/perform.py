"""Perform one action of a registry: its secrets, its checks, its time limit, its ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

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
from alga_workflows_core.actions.masking import Mask
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.actions.secrets import opened_secrets
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.errors import Category, InputError
from alga_workflows_core.infra.secrets.combined import CombinedSecrets
from alga_workflows_core.infra.secrets.port import SecretProvider
from alga_workflows_core.storage.ledger import Entry, Ledger
from alga_workflows_core.types.canonical import content_hash
from alga_workflows_core.types.json import Json, JsonObject

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call of an action with its input checked; `known_as` is what its hash is made of."""

    action: Action
    model: BaseModel
    known_as: JsonObject
    invocation: Invocation
    series: int
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
        secrets: SecretProvider | None = None,
    ) -> None:
        self._registry = registry
        self._calls = None if ledger is None else LedgeredCalls(ledger)
        self._secrets = secrets if secrets is not None else CombinedSecrets([])

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
        began = False
        try:
            async with opened_secrets(
                request,
                secrets or {},
                tenant=invocation.tenant,
                provider=self._secrets,
                secret_fields=action.spec.secret_fields,
            ) as opened:
                began = True
                call = _Call(
                    action=action,
                    model=validated(action, opened.input),
                    # The ledger knows secrets by their names.
                    known_as={"input": request, "secrets": dict(secrets or {})},
                    invocation=invocation,
                    series=series,
                    timeout=action.spec.timeout if timeout is None else timeout,
                    mask=opened.mask,
                )
                return await self._by_kind(call)
        except asyncio.CancelledError:
            raise InterruptedActionError(action_id, unknown=False, repeatable=True) from None
        except ActionError as error:
            if began or not error.retryable:
                raise
            raise NotPerformedError(error.error_code, error.message) from None

    async def _by_kind(self, call: _Call) -> Json:
        kind = kind_of_call(call.action, call.model, call.invocation)
        match kind:
            case ActionKind.PURE | ActionKind.READ:
                return await _certain(call)
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
                return await self._calls.transactional(_ledgered(call))
            case _:
                repeatable = kind is ActionKind.IDEMPOTENT
                return await self._calls.claimed(_ledgered(call), repeatable=repeatable)


async def _certain(call: _Call) -> Json:
    """A call that has no effect, or none that anybody minds."""
    try:
        return await _worked(call, None)
    except ActionError as error:
        error.unknown = False
        raise


async def _without_ledger(call: _Call) -> Json:
    try:
        return await _certain(call)
    except asyncio.CancelledError:
        raise InterruptedActionError(call.spec.id, unknown=True, repeatable=True) from None


async def _worked(call: _Call, transaction: Transaction | None) -> Json:
    """What the handler answers within its time, without secrets; so for what it fails with."""
    invocation = replace(call.invocation, transaction_or_none=transaction)
    try:
        return call.mask.json(await _in_time(call, invocation))
    except ActionError as error:
        if error.error_code == CRASHED:
            # What a handler did not mean to raise can only be mended with its traceback.
            log.exception(error.message, action="action.crashed", step=invocation.step)
        # The ledger is told of it, too.
        call.mask.error(error)
        raise


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


def _ledgered(call: _Call) -> LedgeredCall:
    invocation = call.invocation
    try:
        input_hash = content_hash(call.known_as)
    except InputError as error:
        raise ActionError(
            "ACTION_INPUT_INVALID",
            f"The input of {call.spec.id} has no canonical form: {error.message}",
            category=Category.VALIDATION,
        ) from error

    async def work(transaction: Transaction | None) -> Json:
        return await _worked(call, transaction)

    return LedgeredCall(
        entry=Entry(
            tenant=invocation.tenant,
            invocation=invocation.id,
            run_id=invocation.run_id,
            step=invocation.step,
            series=call.series,
            action_id=call.spec.id,
            version=call.spec.version,
            input_hash=input_hash,
            authored_key=invocation.authored_key,
        ),
        work=work,
    )

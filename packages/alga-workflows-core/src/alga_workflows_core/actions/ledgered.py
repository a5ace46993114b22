"""Calls that must not take effect twice: claimed, made and completed by the ledger.

idempotent: claim, handler, completion; what a lost attempt claimed is taken over. transactional:
all in one transaction. unsafe: as idempotent, but what a lost attempt claimed is unknown for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from alga_workflows_core.actions.contract import Transaction
from alga_workflows_core.actions.errors import (
    ActionError,
    InterruptedActionError,
    NotPerformedError,
)
from alga_workflows_core.actions.uninterrupted import uninterrupted
from alga_workflows_core.errors import Category, ConflictError, ErrorInfo, UnavailableError
from alga_workflows_core.storage.ledger import (
    LEASE,
    Claimed,
    Entry,
    Failed,
    Ledger,
    LedgerConnection,
    LedgerState,
    Standing,
    Succeeded,
    Verdict,
)
from alga_workflows_core.types.json import Json

log = structlog.get_logger()

CLAIM_SECONDS = 5.0
"""How long a claim may take; then this was no attempt."""

COMPLETION_SECONDS = 5.0
"""How long the ledger is told what came of a call, before the run alone is told."""

PATIENCE_SECONDS = 2.0
"""How long a transaction waits for another one that makes the same call."""

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgeredCall:
    """A call and the work that it is; the work gets the transaction, if there is one."""

    entry: Entry
    work: Callable[[Transaction | None], Awaitable[Json]]

    @property
    def action_id(self) -> str:
        return self.entry.action_id


class LedgeredCalls:
    """Makes calls by one ledger. Each answers the output, or raises ActionError."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def claimed(self, call: LedgeredCall, *, repeatable: bool) -> Json:
        """An idempotent call (`repeatable`) or an unsafe one."""
        verdict = await self._claim(call, repeatable=repeatable)
        if not isinstance(verdict, Claimed):
            return _answer(call, verdict)
        fence = verdict.fence
        try:
            async with self._lease(call.entry, fence):
                output = await call.work(None)
        except asyncio.CancelledError:
            interrupted = InterruptedActionError(
                call.action_id, unknown=True, repeatable=repeatable
            )
            await uninterrupted(self._fail(call, fence, interrupted, LedgerState.UNKNOWN))
            raise interrupted from None
        except ActionError as error:
            error.unknown = error.unknown and not repeatable
            state = LedgerState.UNKNOWN if error.unknown else LedgerState.FAILED
            verdict = await uninterrupted(self._fail(call, fence, error, state))
            if isinstance(verdict, Succeeded):
                return verdict.output
            raise
        return await uninterrupted(self._succeed(call, fence, output))

    async def transactional(self, call: LedgeredCall) -> Json:
        """A call whose writes commit together with the ledger's."""
        handling: asyncio.Future[Json] | None = None

        async def make(connection: LedgerConnection) -> Json:
            nonlocal handling
            handling = asyncio.ensure_future(_work_on(call, connection))
            return await handling

        making = asyncio.ensure_future(
            self._ledger.transactional(call.entry, make, patience=PATIENCE_SECONDS)
        )
        try:
            return _answer(call, await _stoppable(making, lambda: handling))
        except asyncio.CancelledError:
            raise InterruptedActionError(call.action_id, unknown=False, repeatable=True) from None
        except UnavailableError as error:
            raise _unavailable(call, error) from error
        except ConflictError as error:
            raise ActionError(
                error.error_code, error.message, category=Category.ACTION, retryable=True
            ) from error

    async def _claim(self, call: LedgeredCall, *, repeatable: bool) -> Verdict:
        try:
            async with asyncio.timeout(CLAIM_SECONDS):
                return await self._ledger.claim(call.entry, repeatable=repeatable)
        except (UnavailableError, TimeoutError) as error:
            raise _unavailable(call, error) from error
        except asyncio.CancelledError:
            raise InterruptedActionError(call.action_id, unknown=False, repeatable=True) from None

    async def _succeed(self, call: LedgeredCall, fence: int, output: Json) -> Json:
        verdict = await self._complete(
            call,
            lambda: self._ledger.complete(
                call.entry, fence, state=LedgerState.SUCCEEDED, output=output
            ),
        )
        return output if verdict is None else _answer(call, verdict)

    async def _fail(
        self, call: LedgeredCall, fence: int, error: ActionError, state: LedgerState
    ) -> Verdict | None:
        info = error.info(step=call.entry.step).as_json()
        return await self._complete(
            call, lambda: self._ledger.complete(call.entry, fence, state=state, error=info)
        )

    async def _complete(
        self, call: LedgeredCall, complete: Callable[[], Awaitable[Verdict]]
    ) -> Verdict | None:
        """What the ledger says, or None if it could not be told.

        The run is told all the same: what it has recorded is the truth, and whoever finds the
        claim later takes it for that of a lost attempt.
        """
        try:
            async with asyncio.timeout(COMPLETION_SECONDS):
                while True:
                    try:
                        return await complete()
                    except UnavailableError:
                        await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            log.warning(
                f"The ledger was not told what came of {call.action_id}; the run is.",
                action="ledger.not_completed",
                step=call.entry.step,
                invocation=str(call.entry.invocation),
            )
            return None

    @asynccontextmanager
    async def _lease(self, entry: Entry, fence: int) -> AsyncGenerator[None]:
        """Meanwhile, keep others with the same authored key waiting."""
        if entry.authored_key is None:
            yield
            return
        extending = asyncio.ensure_future(self._extend(entry, fence))
        try:
            yield
        finally:
            extending.cancel()
            await asyncio.wait([extending])

    async def _extend(self, entry: Entry, fence: int) -> None:
        held = True
        while held:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                held = await self._ledger.extend(entry, fence)
            except UnavailableError as error:
                log.warning(
                    f"A lease was not extended: {error}",
                    action="ledger.lease_not_extended",
                    step=entry.step,
                )


async def _stoppable(
    making: asyncio.Future[Verdict], handling: Callable[[], asyncio.Future[Json] | None]
) -> Verdict:
    """What `making` gives. A cancellation stops it before the handler has begun, or the handler;
    a commit that is under way is waited for, since its outcome is the truth."""
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        (handling() or making).cancel()
        return await making


async def _work_on(call: LedgeredCall, connection: LedgerConnection) -> Json:
    try:
        return await call.work(connection)
    except ActionError as error:
        # If its connection failed, all that the handler wrote is gone, and it is not to blame.
        if error.unknown and error.category is not Category.TIMEOUT and connection.invalidated:
            raise _unavailable(call, error) from None
        error.unknown = False
        raise


def _answer(call: LedgeredCall, verdict: Verdict) -> Json:
    """What the ledger answers a call that this attempt does not make, or has made."""
    match verdict:
        case Succeeded(output):
            return output
        case Failed(error):
            info = ErrorInfo.from_json(error)
            raise ActionError(
                info.code,
                info.message,
                category=info.category,
                retryable=info.retryable,
                details=info.details,
            )
        case Standing.REUSED:
            raise ActionError(
                "IDEMPOTENCY_KEY_REUSED",
                f"The idempotency key stands for a call of {call.action_id} with another input.",
                category=Category.VALIDATION,
                remedy="Put into the key what the input depends on.",
            )
        case Standing.UNKNOWN:
            raise ActionError(
                "ACTION_OUTCOME_UNKNOWN",
                f"{call.action_id} was begun by an attempt that was lost; nobody knows whether it"
                " took effect.",
                remedy="Look at its target, then have it tried again, or skip it.",
                unknown=True,
            )
        case _:
            raise NotPerformedError(
                "IDEMPOTENCY_KEY_BUSY",
                f"Another attempt is making this call of {call.action_id}.",
            )


def _unavailable(call: LedgeredCall, error: BaseException) -> NotPerformedError:
    why = error.message if isinstance(error, UnavailableError) else "It did not answer in time."
    return NotPerformedError(
        "LEDGER_UNAVAILABLE",
        f"{call.action_id} was not performed, since the ledger cannot be reached: {why}",
        remedy="It is tried again until the ledger's database answers.",
    )

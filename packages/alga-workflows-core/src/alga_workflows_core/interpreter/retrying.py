"""Trying again: attempts of a step with waits between them.

Node: `{"k": attempt, "t": time of the first, "due": time of the next one, while it is waited for}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, cast

from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.backoff import Backoff
from alga_workflows_core.interpreter.catching import names
from alga_workflows_core.interpreter.durations import due_after
from alga_workflows_core.interpreter.facts import AttemptFailed
from alga_workflows_core.interpreter.outcome import Cancelled, Settled
from alga_workflows_core.interpreter.visit import Visit, Wake
from alga_workflows_core.types.json import Json

MAX_ELAPSED = "PT24H"
"""No attempt starts later than this after the first, where the policy says nothing."""

RETRY_AFTER = "retryAfter"
"""The detail of an error that says before how many seconds another attempt is pointless."""

LONGEST_MS = 30 * 24 * 3600 * 1000
"""No delay is longer than thirty days, whatever the multiplier makes of it."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """An attempt gave this."""

    output: Json


@dataclass(frozen=True, slots=True)
class Erred:
    """An attempt failed. `unknown`: it may have taken effect all the same."""

    error: ErrorInfo
    unknown: bool = False


Tried: TypeAlias = Succeeded | Erred | Settled | Cancelled


async def try_until(
    visit: Visit, policy: RetryPolicy | None, once: Callable[[int], Awaitable[Tried]]
) -> Tried:
    """What the last attempt gave. `once` makes the attempt with a number, from 1."""
    node = visit.node
    if "k" not in node:
        node["k"], node["t"] = 1, visit.effects.now().isoformat()
    error: ErrorInfo | None = None
    while True:
        if "due" in node:
            wake = await _wait(visit, error)
            reason = visit.frame.cancel.reason
            if wake is Wake.SETTLED:
                return Settled()
            if wake is Wake.CANCELLED and reason is not None:
                return Cancelled(reason)
            del node["due"]
            node["k"] += 1
        attempt = cast("int", node["k"])
        tried = await once(attempt)
        if not isinstance(tried, Erred) or tried.unknown or policy is None:
            return tried
        # The world may have made further attempts itself.
        node["k"] = attempt = max(attempt, tried.error.attempt)
        due = _next(visit, policy, attempt, tried.error)
        if due is None:
            return tried
        node["due"] = due.isoformat()
        error = tried.error
        visit.run.observe(
            AttemptFailed,
            path=visit.path,
            attempt=attempt,
            due=due,
            error=error.as_json(),
        )


async def _wait(visit: Visit, error: ErrorInfo | None) -> Wake:
    node, run = visit.node, visit.run
    due = datetime.fromisoformat(node["due"])
    run.backoffs[visit.path] = Backoff(
        path=visit.path,
        attempt=cast("int", node["k"]) + 1,
        due=due,
        since=None if error is None else visit.effects.now(),
        code=None if error is None else error.code,
    )
    try:
        return await run.block(_never, visit.frame, due)
    finally:
        del run.backoffs[visit.path]


def delay(policy: RetryPolicy, attempt: int, chance: float) -> timedelta:
    """The time between a failed attempt and the next.

    `backoffMs * backoffMultiplier^(attempt - 1)`, `maxDelayMs` at most; with jitter it is shortened
    by up to a half, by `chance` (0 <= chance < 1).
    """
    longest = policy.max_delay_ms if policy.max_delay_ms is not None else LONGEST_MS
    try:
        wanted = policy.backoff_ms * policy.backoff_multiplier ** (attempt - 1)
    except OverflowError:
        wanted = longest
    milliseconds = min(wanted, longest) * (1 - chance / 2 if policy.jitter else 1)
    return timedelta(milliseconds=milliseconds)


def speaks_of(policy: RetryPolicy, error: ErrorInfo) -> bool:
    """Whether `policy` has such an error tried again."""
    return error.retryable if policy.retry_on is None else names(policy.retry_on, error)


def pointless_before(error: ErrorInfo) -> timedelta:
    """How long another attempt is pointless, by what the error says; thirty days at most."""
    told = (error.details or {}).get(RETRY_AFTER)
    if isinstance(told, bool) or not isinstance(told, int | float) or not told > 0:
        return timedelta()
    return timedelta(milliseconds=min(told * 1000, LONGEST_MS))


def _next(visit: Visit, policy: RetryPolicy, attempt: int, error: ErrorInfo) -> datetime | None:
    """When to try again; None if not."""
    if attempt >= policy.max_attempts or not speaks_of(policy, error):
        return None
    now = visit.effects.now()
    chance = visit.effects.random() if policy.jitter else 0.0
    due = now + max(delay(policy, attempt, chance), pointless_before(error))
    first = datetime.fromisoformat(visit.node["t"])
    last = due_after(policy.max_elapsed or MAX_ELAPSED, first, visit.run.zone)
    return None if due > last else due


def _never() -> bool:
    return False

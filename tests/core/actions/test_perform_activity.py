"""Attempts within one activity, on a real server: their number, their delays, their end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind, RetrySpec
from alga_workflows_core.definition.policies import RetryPolicy
from alga_workflows_core.errors import Category, UnavailableError
from alga_workflows_core.storage.ledger import Entry, Ledger, Standing, Verdict
from alga_workflows_core.storage.unit_of_work import Storage
from tests.core.actions.calls import activities_in, ended, request, serving, start

TENANT = "acme"
LANES = pytest.mark.parametrize("local", [False, True], ids=["remote", "local"])
IDEMPOTENT, UNSAFE = ActionKind.IDEMPOTENT, ActionKind.UNSAFE


class Nothing(BaseModel):
    pass


class Answer(BaseModel):
    call: int


Behaviour = Callable[[], Awaitable[None]]


@dataclass
class Target:
    """Counts calls and their attempts' numbers; behaves in each as it is told."""

    behaviours: list[Behaviour] = field(default_factory=list[Behaviour])
    attempts: list[int] = field(default_factory=list[int])
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def performer(self, ledger: Ledger | None, kind: ActionKind = IDEMPOTENT, **terms: Any) -> Any:
        return Performer(Registry([self.action(kind, **terms)]), ledger=ledger)

    def action(self, kind: ActionKind, **terms: Any) -> Action:
        @action("target.call", version=1, kind=kind, **terms)
        async def call(request: Nothing, invocation: Invocation) -> Answer:
            self.attempts.append(invocation.attempt)
            number = len(self.attempts)
            self.begun.set()
            try:
                if self.behaviours:
                    await self.behaviours.pop(0)()
            except asyncio.CancelledError:
                self.stopped.set()
                raise
            return Answer(call=number)

        return call

    async def wait(self, event: asyncio.Event) -> None:
        async with asyncio.timeout(20):
            await event.wait()


def failing(**fields: Any) -> Behaviour:
    terms: dict[str, Any] = {"category": Category.TRANSIENT, "retryable": True, **fields}

    async def behave() -> None:
        raise ActionError("NOT_NOW", "Not now.", **terms)

    return behave


async def forever() -> None:
    await asyncio.Event().wait()


def policy(attempts: int, backoff: int = 50, **fields: Any) -> RetryPolicy:
    return RetryPolicy.model_validate(
        {"maxAttempts": attempts, "backoffMs": backoff, "jitter": False, **fields}
    )


@pytest.fixture
def ledger(storage: Storage) -> Ledger:
    """On the test's database."""
    return Ledger(storage)


@LANES
async def test_short_delays_are_temporal_s(
    temporal_client: Client, ledger: Ledger, local: bool
) -> None:
    """Attempts that follow each other soon are one activity, and numbered by their failures."""
    target = Target([failing(), failing()])
    async with serving(temporal_client, target.performer(ledger)):
        call = await start(temporal_client, request(retry=policy(5)), local=local)
        outcome = await ended(call)
    assert (outcome.output, outcome.attempt) == ({"call": 3}, 3)
    assert target.attempts == [1, 2, 3]
    assert await activities_in(call) == 1


@LANES
async def test_the_document_s_policy_says_how_often(
    temporal_client: Client, ledger: Ledger, local: bool
) -> None:
    """And the run goes on counting where the activity began."""
    target = Target([failing() for _ in range(9)])
    async with serving(temporal_client, target.performer(ledger)):
        call = await start(temporal_client, request(retry=policy(6), attempt=4), local=local)
        outcome = await ended(call)
    assert target.attempts == [4, 5, 6]
    assert (outcome.error["code"], outcome.error["attempt"]) == ("NOT_NOW", 6)
    assert outcome.failure is not None
    assert not outcome.failure["unknown"]


async def test_without_a_policy_the_action_s_own_counts(
    temporal_client: Client, ledger: Ledger
) -> None:
    """For failures that are retryable, and for no others."""
    target = Target([failing() for _ in range(2)])
    own = RetrySpec(max_attempts=2, first_delay=0.05)
    async with serving(temporal_client, target.performer(ledger, retry=own)):
        outcome = await ended(await start(temporal_client, request()))
        assert (outcome.error["attempt"], target.attempts) == (2, [1, 2])
        target.behaviours.append(failing(retryable=False))
        outcome = await ended(await start(temporal_client, request()))
        assert (outcome.error["attempt"], target.attempts) == (1, [1, 2, 1])


@pytest.mark.parametrize(
    ("fails", "retry"),
    [
        (failing(), policy(5, backoff=60_000)),
        (failing(retry_after=11), policy(5)),
        (failing(), policy(5, maxElapsed="PT0.01S")),
        (failing(), policy(5, retryOn=["OTHER"])),
    ],
    ids=["long backoff", "long retry-after", "elapsed", "not named"],
)
async def test_what_is_not_soon_is_for_the_run(
    temporal_client: Client, ledger: Ledger, fails: Behaviour, retry: RetryPolicy
) -> None:
    """It waits where that can be seen, or gives up; it learns what the target said."""
    target = Target([fails])
    async with serving(temporal_client, target.performer(ledger)):
        outcome = await ended(await start(temporal_client, request(retry=retry)))
    assert outcome.error["attempt"] == 1
    assert outcome.error["details"].get("retryAfter") in (None, 11)
    assert target.attempts == [1]


async def test_a_short_retry_after_is_waited_for(temporal_client: Client, ledger: Ledger) -> None:
    """It is longer than the policy's delay, so it counts."""
    target = Target([failing(retry_after=1.5)])
    async with serving(temporal_client, target.performer(ledger)):
        began = time.monotonic()
        outcome = await ended(await start(temporal_client, request(retry=policy(2))))
        assert time.monotonic() - began >= 1.5
    assert outcome.attempt == 2


async def test_an_attempt_that_was_lost_does_not_count(
    temporal_client: Client, ledger: Ledger
) -> None:
    """The count of failures outlives an attempt of which the server never hears the end."""
    target = Target([failing(), forever, failing()])
    async with serving(temporal_client, target.performer(ledger)):
        call = await start(temporal_client, request(retry=policy(2)), limit=2)
        outcome = await ended(call)
    assert target.attempts == [1, 2, 2]
    assert outcome.error["attempt"] == 2


async def test_a_worker_that_stops_hands_the_call_to_another_one(
    temporal_client: Client, ledger: Ledger
) -> None:
    """At once, and it costs no attempt: a deployment does not fail what may be tried once."""
    target = Target([forever])
    async with serving(temporal_client, target.performer(ledger)):
        call = await start(temporal_client, request(retry=policy(1)))
        await target.wait(target.begun)
    assert target.stopped.is_set()
    async with serving(temporal_client, target.performer(ledger)):
        outcome = await ended(call)
    assert (outcome.output, outcome.attempt) == ({"call": 2}, 1)
    assert target.attempts == [1, 1]


async def test_a_worker_that_stops_waits_for_its_local_calls(
    temporal_client: Client, ledger: Ledger
) -> None:
    """They are short; so they are not interrupted."""
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    target = Target([wait])
    async with serving(temporal_client, target.performer(ledger)) as worker:
        call = await start(temporal_client, request(retry=policy(1)), local=True)
        await target.wait(target.begun)
        stopping = asyncio.ensure_future(worker.shutdown())
        await asyncio.sleep(0)
        assert not stopping.done()
        go.set()
        async with asyncio.timeout(10):
            await stopping
    async with serving(temporal_client, target.performer(ledger)):
        outcome = await ended(call)
    assert (outcome.output, outcome.attempt) == ({"call": 1}, 1)
    assert not target.stopped.is_set()
    assert target.attempts == [1]


async def test_an_unsafe_call_of_a_worker_that_stops_is_unknown(
    temporal_client: Client, ledger: Ledger
) -> None:
    """It is not called again."""
    target = Target([forever])
    async with serving(temporal_client, target.performer(ledger, UNSAFE)):
        call = await start(temporal_client, request(retry=policy(5)))
        await target.wait(target.begun)
    async with serving(temporal_client, target.performer(ledger, UNSAFE)):
        outcome = await ended(call)
    assert outcome.failure is not None
    assert outcome.failure["unknown"]
    assert target.attempts == [1]


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        (ActionKind.READ, False),
        (ActionKind.TRANSACTIONAL, False),
        (IDEMPOTENT, True),
        (UNSAFE, True),
    ],
)
async def test_a_cancel_reaches_the_handler(
    temporal_client: Client, ledger: Ledger, kind: ActionKind, unknown: bool
) -> None:
    """Within about a second, without its doing anything for it; then it is known what it may
    have done."""
    target = Target([forever])
    async with serving(temporal_client, target.performer(ledger, kind)):
        call = await start(temporal_client, request(retry=policy(5)))
        await target.wait(target.begun)
        began = time.monotonic()
        await call.signal("stop")
        await target.wait(target.stopped)
        assert time.monotonic() - began < 4  # a second, and a loaded machine
        outcome = await ended(call)
    assert (outcome.error["code"], outcome.error["category"]) == ("CANCELED", "Cancelled")
    assert outcome.failure is not None
    assert outcome.failure["unknown"] == unknown
    assert target.attempts == [1]


async def test_a_lost_unsafe_attempt_is_never_repeated(
    temporal_client: Client, ledger: Ledger
) -> None:
    """The next attempt finds the claim and asks people."""
    target = Target([forever])
    async with serving(temporal_client, target.performer(ledger, UNSAFE)):
        call = await start(temporal_client, request(retry=policy(5)), limit=2)
        outcome = await ended(call)
    assert outcome.error["code"] == "ACTION_OUTCOME_UNKNOWN"
    assert outcome.failure is not None
    assert outcome.failure["unknown"]
    assert target.attempts == [1]


class Outage:
    """A database that is away for a number of transactions."""

    def __init__(self, storage: Storage, times: int) -> None:
        self._storage = storage
        self._left = times

    @asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncGenerator[AsyncConnection]:
        self._left -= 1
        if self._left >= 0:
            raise UnavailableError("PostgreSQL", "somewhere", "it is away", remedy="Wait.")
        async with self._storage.transaction(tenant) as connection:
            yield connection


@LANES
@pytest.mark.parametrize("kind", [IDEMPOTENT, ActionKind.TRANSACTIONAL])
async def test_while_the_ledger_is_away_no_attempt_is_made(
    temporal_client: Client, storage: Storage, local: bool, kind: ActionKind
) -> None:
    """So none is counted; the call is made when the ledger is back."""
    target = Target([failing()])
    ledger = Ledger(Outage(storage, 3))
    async with serving(temporal_client, target.performer(ledger, kind)):
        call = await start(temporal_client, request(retry=policy(2)), local=local)
        outcome = await ended(call)
    assert (outcome.output, outcome.attempt) == ({"call": 2}, 2)
    assert target.attempts == [1, 2]


async def test_a_ledger_that_is_away_at_the_end_does_not_undo_a_success(
    temporal_client: Client, storage: Storage
) -> None:
    """It is told when it is back; what the handler answered is not asked for again."""

    class AwayAtTheEnd(Outage):
        def __init__(self) -> None:
            super().__init__(storage, 0)

        def leave(self) -> None:
            self._left = 3

    database = AwayAtTheEnd()

    async def leave() -> None:
        database.leave()

    target = Target([leave])
    async with serving(temporal_client, target.performer(Ledger(database), UNSAFE)):
        outcome = await ended(await start(temporal_client, request(retry=policy(1))))
    assert (outcome.output, target.attempts) == ({"call": 1}, [1])
    async with storage.transaction(TENANT) as connection:
        rows = await connection.execute(text("SELECT state FROM alga_action_ledger"))
        assert rows.scalar_one() == "SUCCEEDED"


class Watched(Ledger):
    """Tells when somebody was told to come again."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self.busy = asyncio.Event()

    async def claim(self, entry: Entry, *, repeatable: bool) -> Verdict:
        verdict = await super().claim(entry, repeatable=repeatable)
        if verdict is Standing.BUSY:
            self.busy.set()
        return verdict


@LANES
async def test_two_runs_with_one_key_get_one_answer(
    temporal_client: Client, storage: Storage, local: bool
) -> None:
    """Though each may try only once: to wait for the other is no attempt."""
    ledger, go = Watched(storage), asyncio.Event()

    async def wait() -> None:
        await go.wait()

    target = Target([wait])
    made = {"retry": policy(1), "idempotency_key": "order-1"}
    async with serving(temporal_client, target.performer(ledger)):
        calls = [await start(temporal_client, request(**made), local=local) for _ in range(2)]
        await target.wait(ledger.busy)
        go.set()
        outcomes = [await ended(call) for call in calls]
    assert [outcome.output for outcome in outcomes] == [{"call": 1}, {"call": 1}]
    assert target.attempts == [1]

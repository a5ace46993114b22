"""What happens inside one attempt of an action that has effects, by its kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy import text

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import (
    ActionError,
    InterruptedActionError,
    NotPerformedError,
)
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category, ConflictError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.ledger import Ledger
from alga_workflows_core.storage.unit_of_work import Storage

TENANT = "acme"
CANARY = "canary-4711"
COUNT = text("UPDATE counter SET effects = effects + 1")
IDEMPOTENT, UNSAFE = ActionKind.IDEMPOTENT, ActionKind.UNSAFE
TRANSACTIONAL = ActionKind.TRANSACTIONAL
LEDGERED = (IDEMPOTENT, TRANSACTIONAL, UNSAFE)


class Input(BaseModel):
    amount: int = 1


class Output(BaseModel):
    call: int


AWAY = Storage(
    Database(load(DatabaseSettings, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}))
)
"""A server that is not there."""

Behaviour = Callable[[], Awaitable[None]]


@dataclass
class Target:
    """What an action acts upon: counts calls, and does in each what the test wants of it."""

    calls: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    behaviours: list[Behaviour] = field(default_factory=list[Behaviour])

    async def call(self, invocation: Invocation) -> Output:
        self.calls += 1
        number = self.calls
        if invocation.transaction_or_none is not None:
            await invocation.transaction.execute(COUNT)
        self.begun.set()
        if self.behaviours:
            await self.behaviours.pop(0)()
        return Output(call=number)

    def action(self, kind: ActionKind, **contract: Any) -> Action:
        terms: dict[str, Any] = {"timeout": 30.0, **contract}

        @action("target.call", version=1, kind=kind, **terms)
        async def call(request: Input, invocation: Invocation) -> Output:
            return await self.call(invocation)

        return call


@dataclass(frozen=True)
class Stalled:
    """An attempt under way."""

    attempt: asyncio.Future[Any]
    go: asyncio.Event


class World:
    """A worker on the test's database."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.ledger = Ledger(storage)
        self.target = Target()
        self.stalled: list[asyncio.Future[Any]] = []

    async def perform(self, kind: ActionKind, invocation: Invocation, **call: Any) -> Any:
        performer = Performer(Registry([self.target.action(kind)]), ledger=self.ledger)
        request = {"amount": call.pop("amount", 1)}
        return await performer.perform("target.call", 1, request, invocation, **call)

    async def failure(self, kind: ActionKind, invocation: Invocation, **call: Any) -> ActionError:
        with pytest.raises(ActionError) as raised:
            await self.perform(kind, invocation, **call)
        return raised.value

    async def stall(self, kind: ActionKind, invocation: Invocation) -> Stalled:
        """An attempt that is in its handler and stays there: so does a worker that was lost look
        to the others."""
        self.target.begun.clear()
        go = asyncio.Event()

        async def wait() -> None:
            await go.wait()

        self.target.behaviours.append(wait)
        attempt = asyncio.ensure_future(self.perform(kind, invocation))
        self.stalled.append(attempt)
        async with asyncio.timeout(10):
            await self.target.begun.wait()
        return Stalled(attempt, go)

    async def effects(self) -> int:
        async with self.storage.transaction(TENANT) as connection:
            return (await connection.execute(text("SELECT effects FROM counter"))).scalar_one()

    async def state(self) -> str:
        """Of the only entry."""
        async with self.storage.transaction(TENANT) as connection:
            rows = await connection.execute(text("SELECT state FROM alga_action_ledger"))
            return rows.scalar_one()


@pytest_asyncio.fixture
async def world(storage: Storage, database: Database) -> AsyncGenerator[World]:
    """With a counter of effects."""
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE counter AS SELECT 0 AS effects"))
        await connection.execute(text("GRANT ALL ON counter TO PUBLIC"))
    made = World(storage)
    yield made
    for attempt in made.stalled:
        attempt.cancel()
    await asyncio.gather(*made.stalled, return_exceptions=True)


def invocation(**fields: Any) -> Invocation:
    """A call of a run of its own."""
    plain: dict[str, Any] = {
        "id": uuid4(),
        "tenant": TENANT,
        "run_id": uuid4(),
        "step": "loop[1]/call",
        "attempt": 1,
    }
    return Invocation(**{**plain, **fields})


def raising(error: Exception) -> Behaviour:
    async def behave() -> None:
        raise error

    return behave


async def terminate_transactions(database: Database) -> None:
    """What the server does to the connections of a process that is gone."""
    async with database.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
                " datname = current_database() AND state = 'idle in transaction'"
                " AND pid <> pg_backend_pid()"
            )
        )


@pytest.mark.parametrize("kind", LEDGERED)
async def test_a_stored_answer_is_given_without_calling_the_handler(
    world: World, kind: ActionKind
) -> None:
    """A retried activity whose success did not reach the server gets what was answered."""
    call = invocation()
    assert await world.perform(kind, call) == {"call": 1}
    assert await world.perform(kind, call) == {"call": 1}
    assert world.target.calls == 1
    assert await world.state() == "SUCCEEDED"


@pytest.mark.parametrize("kind", LEDGERED)
async def test_equal_inputs_of_two_calls_are_two_calls(world: World, kind: ActionKind) -> None:
    """As in a loop: a call is known by its step and indices, not by its input."""
    assert await world.perform(kind, invocation()) == {"call": 1}
    assert await world.perform(kind, invocation()) == {"call": 2}


@pytest.mark.parametrize("kind", [ActionKind.PURE, ActionKind.READ])
async def test_what_has_no_effect_is_not_in_the_ledger(world: World, kind: ActionKind) -> None:
    """It costs no write, and reads again."""
    call = invocation()
    assert [await world.perform(kind, call) for _ in range(2)] == [{"call": 1}, {"call": 2}]
    async with world.storage.transaction(TENANT) as connection:
        rows = await connection.execute(text("SELECT count(*) FROM alga_action_ledger"))
        assert rows.scalar_one() == 0


@pytest.mark.parametrize("kind", LEDGERED)
async def test_what_fails_on_purpose_is_made_again(world: World, kind: ActionKind) -> None:
    """A known failure: the next attempt calls the handler; what was written was undone."""
    world.target.behaviours.append(raising(ActionError("NOT_NOW", "Not now.", retryable=True)))
    call = invocation()
    error = await world.failure(kind, call)
    assert (error.error_code, error.unknown) == ("NOT_NOW", False)
    assert await world.perform(kind, call) == {"call": 2}
    assert await world.effects() == (1 if kind is TRANSACTIONAL else 0)


@pytest.mark.parametrize(
    "unmeant",
    [
        lambda: ValueError("crash"),
        TimeoutError,
        lambda: ConflictError("a library's"),
        lambda: ActionError("LOST", "No answer came.", unknown=True),
    ],
    ids=["crash", "timeout", "conflict", "unknown"],
)
@pytest.mark.parametrize("kind", LEDGERED)
async def test_only_an_unsafe_call_can_be_unknown(
    world: World, kind: ActionKind, unmeant: Callable[[], Exception]
) -> None:
    """What a handler did not mean to raise, or says to be unknown; then it is never called again
    by itself. The others are simply made again."""
    world.target.behaviours.append(raising(unmeant()))
    call = invocation()
    error = await world.failure(kind, call)
    assert error.unknown == (kind is UNSAFE)
    if kind is UNSAFE:
        again = await world.failure(kind, call)
        assert (again.error_code, again.unknown) == ("ACTION_OUTCOME_UNKNOWN", True)
        assert (world.target.calls, await world.state()) == (1, "UNKNOWN")
    else:
        assert await world.perform(kind, call) == {"call": 2}


@pytest.mark.parametrize("kind", LEDGERED)
async def test_a_handler_over_its_time(world: World, kind: ActionKind) -> None:
    """The document's limit beats the contract's; of an unsafe call nobody knows what it did."""

    async def forever() -> None:
        await asyncio.Event().wait()

    world.target.behaviours.append(forever)
    error = await world.failure(kind, invocation(), timeout=0.05)
    assert (error.error_code, error.category) == ("ACTION_TIMEOUT", Category.TIMEOUT)
    assert error.unknown == (kind is UNSAFE)
    assert await world.effects() == 0


async def test_an_idempotent_call_of_a_lost_worker_is_taken_over(world: World) -> None:
    """At once; and the lost attempt, if it comes back, changes nothing and answers the same."""
    call = invocation()
    stalled = await world.stall(IDEMPOTENT, call)
    assert await world.perform(IDEMPOTENT, call) == {"call": 2}
    stalled.go.set()
    assert await stalled.attempt == {"call": 2}


async def test_an_unsafe_call_of_a_lost_worker_is_unknown(world: World) -> None:
    """To the attempt that finds it, and to the lost one too, if it comes back."""
    call = invocation()
    stalled = await world.stall(UNSAFE, call)
    for _ in range(2):
        error = await world.failure(UNSAFE, call)
        assert (error.error_code, error.unknown) == ("ACTION_OUTCOME_UNKNOWN", True)
        assert not error.retryable
    stalled.go.set()
    with pytest.raises(ActionError) as raised:
        await stalled.attempt
    assert raised.value.unknown
    assert world.target.calls == 1


async def test_a_transactional_call_of_a_lost_worker_never_happened(
    world: World, database: Database
) -> None:
    """Its transaction is undone; while it stands, other attempts wait a little, then later."""
    call = invocation()
    stalled = await world.stall(TRANSACTIONAL, call)
    with pytest.raises(NotPerformedError) as raised:
        await world.perform(TRANSACTIONAL, call)
    assert raised.value.error_code == "IDEMPOTENCY_KEY_BUSY"
    await terminate_transactions(database)
    assert await world.perform(TRANSACTIONAL, call) == {"call": 2}
    stalled.go.set()
    with pytest.raises(NotPerformedError) as raised:
        await stalled.attempt
    assert raised.value.error_code == "LEDGER_UNAVAILABLE"
    assert await world.effects() == 1


async def test_fifty_attempts_of_a_transactional_call_have_one_effect(world: World) -> None:
    """At the same time; all get the one answer."""
    call = invocation()
    answers = await asyncio.gather(*(world.perform(TRANSACTIONAL, call) for _ in range(50)))
    assert answers == [{"call": 1}] * 50
    assert await world.effects() == 1


@pytest.mark.parametrize("kind", [IDEMPOTENT, UNSAFE])
async def test_two_runs_with_one_key_make_one_call(world: World, kind: ActionKind) -> None:
    """The second is told to come again while the first is at it, then gets its answer."""
    first, second = (invocation(authored_key="order-1") for _ in range(2))
    stalled = await world.stall(kind, first)
    with pytest.raises(NotPerformedError) as raised:
        await world.perform(kind, second)
    assert raised.value.error_code == "IDEMPOTENCY_KEY_BUSY"
    assert raised.value.category is Category.TRANSIENT
    stalled.go.set()
    assert await stalled.attempt == {"call": 1}
    assert await world.perform(kind, second) == {"call": 1}


async def test_two_runs_with_one_key_make_one_transactional_call(world: World) -> None:
    """The second waits for the first in the database."""
    first, second = (invocation(authored_key="order-1") for _ in range(2))
    stalled = await world.stall(TRANSACTIONAL, first)
    waiting = asyncio.ensure_future(world.perform(TRANSACTIONAL, second))
    await asyncio.sleep(0)
    stalled.go.set()
    assert await asyncio.gather(stalled.attempt, waiting) == [{"call": 1}, {"call": 1}]
    assert await world.effects() == 1


@pytest.mark.parametrize("kind", LEDGERED)
async def test_one_key_is_for_one_input(world: World, kind: ActionKind) -> None:
    """A key that does not name what the input depends on is a mistake, and says so."""
    await world.perform(kind, invocation(authored_key="order-1"))
    error = await world.failure(kind, invocation(authored_key="order-1"), amount=2)
    assert (error.error_code, error.category) == ("IDEMPOTENCY_KEY_REUSED", Category.VALIDATION)
    assert not error.retryable
    assert world.target.calls == 1


@pytest.mark.parametrize("kind", LEDGERED)
async def test_an_expired_key_is_used_anew(world: World, kind: ActionKind) -> None:
    """Thirty days after it succeeded, by the database's clock, for any input."""
    await world.perform(kind, invocation(authored_key="order-1"))
    async with world.storage.transaction(TENANT) as connection:
        await connection.execute(
            text("UPDATE alga_action_ledger SET expires_at = clock_timestamp()")
        )
    later = invocation(authored_key="order-1")
    assert await world.perform(kind, later, amount=2) == {"call": 2}


@pytest.mark.parametrize(("kind", "made"), [(IDEMPOTENT, True), (UNSAFE, False)])
async def test_a_lease_that_is_over_hands_the_key_to_another_run(
    world: World, kind: ActionKind, made: bool
) -> None:
    """An idempotent call is made by it; an unsafe one may have had its effect."""
    await world.stall(kind, invocation(authored_key="order-1"))
    async with world.storage.transaction(TENANT) as connection:
        await connection.execute(
            text("UPDATE alga_action_ledger SET lease_until = clock_timestamp()")
        )
    other = invocation(authored_key="order-1")
    if made:
        assert await world.perform(kind, other) == {"call": 2}
    else:
        assert (await world.failure(kind, other)).unknown


@pytest.mark.parametrize(
    ("kind", "unknown", "state"),
    [(IDEMPOTENT, True, "UNKNOWN"), (UNSAFE, True, "UNKNOWN"), (TRANSACTIONAL, False, None)],
)
async def test_a_cancelled_call(
    world: World, kind: ActionKind, unknown: bool, state: str | None
) -> None:
    """What was asked to stop may have taken effect, unless all it did was undone."""
    call = invocation()
    stalled = await world.stall(kind, call)
    stalled.attempt.cancel()
    with pytest.raises(InterruptedActionError) as raised:
        await stalled.attempt
    assert (raised.value.error_code, raised.value.category) == ("CANCELED", Category.CANCELLED)
    assert raised.value.unknown == unknown
    assert raised.value.repeatable == (kind is not UNSAFE)
    assert await world.effects() == 0
    if state is not None:
        assert await world.state() == state


async def test_the_ledger_follows_the_kind_of_the_call(world: World) -> None:
    """An action that is unsafe at its worst reads in this call, so it is not in the ledger."""
    seen: list[ActionKind] = []

    def kind_of(request: Input, invocation: Invocation) -> ActionKind:
        seen.append(ActionKind.READ if request.amount == 0 else UNSAFE)
        return seen[-1]

    performer = Performer(
        Registry([world.target.action(UNSAFE, kind_of=kind_of)]), ledger=world.ledger
    )
    call = invocation()
    for amount, answer in ((0, 1), (0, 2), (5, 3), (5, 3)):
        output = await performer.perform("target.call", 1, {"amount": amount}, call)
        assert output == {"call": answer}
    assert seen == [ActionKind.READ, ActionKind.READ, UNSAFE, UNSAFE]


@pytest.mark.parametrize("kind", LEDGERED)
async def test_without_its_ledger_s_database_nothing_is_done(
    world: World, database: Database, kind: ActionKind
) -> None:
    """And this was no attempt; it is made when the database answers again."""
    performer = Performer(Registry([world.target.action(kind)]), ledger=Ledger(AWAY))
    with pytest.raises(NotPerformedError) as raised:
        await performer.perform("target.call", 1, {}, invocation())
    assert raised.value.error_code == "LEDGER_UNAVAILABLE"
    assert raised.value.retryable
    assert world.target.calls == 0


async def test_a_worker_without_a_ledger_refuses_what_needs_one(world: World) -> None:
    """A service without a database serves what may be repeated, and nothing else."""
    for kind in (UNSAFE, TRANSACTIONAL):
        with pytest.raises(ActionError) as raised:
            await Performer(Registry([world.target.action(kind)])).perform(
                "target.call", 1, {}, invocation()
            )
        assert raised.value.error_code == "LEDGER_MISSING"
    output = await Performer(Registry([world.target.action(IDEMPOTENT)])).perform(
        "target.call", 1, {}, invocation()
    )
    assert output == {"call": 1}


class Keyed(BaseModel):
    key: str


class OneSecret:
    async def open(self, tenant: str, name: str) -> str:
        assert name == "API_KEY"
        return f"{CANARY}-of-{tenant}"


@pytest.mark.parametrize("kind", LEDGERED)
async def test_the_ledger_holds_no_secret(world: World, kind: ActionKind) -> None:
    """Neither of an answer nor of an error; a stored answer is masked as the first one was."""

    @action("target.echo", version=1, kind=kind)
    async def echo(request: Keyed) -> Keyed:
        assert request.key == f"{CANARY}-of-{TENANT}"
        world.target.calls += 1
        if world.target.calls == 1:
            raise ActionError("NO", f"Not with {request.key}.", details={"key": request.key})
        return Keyed(key=request.key)

    performer = Performer(Registry([echo]), ledger=world.ledger, secrets=OneSecret())
    call, secrets = invocation(), {"/key": "API_KEY"}
    with pytest.raises(ActionError) as raised:
        await performer.perform("target.echo", 1, {"key": None}, call, secrets=secrets)
    assert CANARY not in f"{raised.value.info().as_json()}"
    for _ in range(2):
        output = await performer.perform("target.echo", 1, {"key": None}, call, secrets=secrets)
        assert output == {"key": "***"}
        async with world.storage.transaction(TENANT) as connection:
            rows = await connection.execute(text("SELECT l::text FROM alga_action_ledger l"))
            assert CANARY not in rows.scalar_one()
    assert world.target.calls == 2

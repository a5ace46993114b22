"""Actions of each lane, for runs that are counted, cut and killed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from sqlalchemy import text

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category
from alga_workflows_core.types.model import Model


class Number(Model):
    """Any number."""

    n: int = 0


class Marked(Model):
    """A folder, in which an action writes a line for each attempt, into a file for each step."""

    folder: str


class Nothing(Model):
    """Nothing to tell."""


@action("tests.near", version=1, kind=ActionKind.IDEMPOTENT, short=True, timeout=2.0)
async def near(request: Number) -> Number:
    """Beside the workflow."""
    return request


@action("tests.far", version=1, kind=ActionKind.IDEMPOTENT, timeout=30.0)
async def far(request: Number) -> Number:
    """Through the task queue."""
    return request


@action("tests.flaky", version=1, kind=ActionKind.IDEMPOTENT, timeout=30.0)
async def flaky(request: Number, invocation: Invocation) -> Number:
    """Through the task queue; fails in its first `n` attempts."""
    if invocation.attempt <= request.n:
        raise ActionError("BUSY", "It is busy.", category=Category.TRANSIENT, retryable=True)
    return request


@action("tests.pure", version=1, kind=ActionKind.PURE)
async def pure(request: Number) -> Number:
    """Inside the workflow."""
    return request


@action("tests.patient", version=1, kind=ActionKind.IDEMPOTENT, timeout=600.0)
async def patient(request: Marked, invocation: Invocation) -> Nothing:
    """Takes ten minutes, and stops as soon as it is asked to."""
    _mark(request, invocation)
    await asyncio.sleep(600)
    return Nothing()


@action("tests.stubborn", version=1, kind=ActionKind.IDEMPOTENT, timeout=600.0)
async def stubborn(request: Marked, invocation: Invocation) -> Nothing:
    """Works on for eight seconds after it was asked to stop."""
    _mark(request, invocation)
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        await asyncio.sleep(8)
    return Nothing()


@action("tests.mark", version=1, kind=ActionKind.IDEMPOTENT, short=True, timeout=2.0)
async def mark(request: Marked, invocation: Invocation) -> Nothing:
    """Writes its line and is done."""
    _mark(request, invocation)
    return Nothing()


@action("tests.late", version=1, kind=ActionKind.IDEMPOTENT, short=True, timeout=0.3)
async def late(_request: Nothing) -> Nothing:
    """Takes longer than it may."""
    await asyncio.sleep(30)
    return Nothing()


class Posted(Model):
    """Where to."""

    url: str


@action("tests.post", version=1, kind=ActionKind.IDEMPOTENT, timeout=30.0)
async def post(request: Posted, invocation: Invocation) -> Nothing:
    """Tells a service that knows calls by their keys."""
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"idempotency-key": invocation.idempotency_key, "x-step": invocation.step}
        answer = await client.post(request.url, headers=headers)
        answer.raise_for_status()
    return Nothing()


COUNTER = """
    CREATE TABLE IF NOT EXISTS chaos_counts (invocation text NOT NULL, step text NOT NULL);
    GRANT SELECT, INSERT ON chaos_counts TO alga_workflows;
"""
"""Without a unique key: whoever counts twice is seen."""


@action("tests.count", version=1, kind=ActionKind.TRANSACTIONAL, short=True, timeout=2.0)
async def count(_request: Nothing, invocation: Invocation) -> Nothing:
    """Adds a row to the counter."""
    await invocation.transaction.execute(
        text("INSERT INTO chaos_counts VALUES (:invocation, :step)"),
        {"invocation": str(invocation.id), "step": invocation.step},
    )
    return Nothing()


@action("tests.countFar", version=1, kind=ActionKind.TRANSACTIONAL, timeout=30.0)
async def count_far(_request: Nothing, invocation: Invocation) -> Nothing:
    """The same through the task queue."""
    await invocation.transaction.execute(
        text("INSERT INTO chaos_counts VALUES (:invocation, :step)"),
        {"invocation": str(invocation.id), "step": invocation.step},
    )
    return Nothing()


OCCUPANTS = """
    CREATE TABLE IF NOT EXISTS chaos_there (run text PRIMARY KEY, place text NOT NULL);
    CREATE TABLE IF NOT EXISTS chaos_entered (
        number integer GENERATED ALWAYS AS IDENTITY, run text, place text, there integer
    );
    GRANT SELECT, INSERT, DELETE ON chaos_there, chaos_entered TO alga_workflows;
"""
"""Which runs are at a place; of each that has entered it, how many were there with it."""


class Place(Model):
    """Somewhere to be."""

    place: str


@action("tests.enter", version=1, kind=ActionKind.TRANSACTIONAL, short=True, timeout=2.0)
async def enter(request: Place, invocation: Invocation) -> Nothing:
    """The run is at the place now."""
    values = {"run": str(invocation.run_id), "place": request.place}
    execute = invocation.transaction.execute
    # So that two that enter at the same time see each other.
    await execute(text("SELECT pg_advisory_xact_lock(hashtext(:place))"), values)
    await execute(text("INSERT INTO chaos_there VALUES (:run, :place)"), values)
    there = "SELECT count(*) FROM chaos_there WHERE place = :place"
    await execute(
        text(f"INSERT INTO chaos_entered (run, place, there) VALUES (:run, :place, ({there}))"),  # noqa: S608 - our own text
        values,
    )
    return Nothing()


@action("tests.leave", version=1, kind=ActionKind.TRANSACTIONAL, short=True, timeout=2.0)
async def leave(_request: Nothing, invocation: Invocation) -> Nothing:
    """The run is at no place any more."""
    await invocation.transaction.execute(
        text("DELETE FROM chaos_there WHERE run = :run"), {"run": str(invocation.run_id)}
    )
    return Nothing()


class Size(Model):
    """How many bytes."""

    size: int


class Text(Model):
    """A text."""

    value: str


@action("tests.large", version=1, kind=ActionKind.IDEMPOTENT, short=True, timeout=2.0)
async def large(request: Size) -> Text:
    """Answers so many bytes."""
    return Text(value="x" * request.size)


def _mark(request: Marked, invocation: Invocation) -> None:
    with Path(request.folder, invocation.step.replace("/", "+")).open("a") as file:
        file.write(f"{invocation.attempt}\n")


def actions() -> tuple[Action, ...]:
    """All of them."""
    lanes = (near, far, flaky, pure, patient, stubborn, mark, late, large, post)
    return (*lanes, count, count_far, enter, leave)

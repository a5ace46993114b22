"""Whether a run may begin, by the `concurrency` of its definition.

Each run needs a slot of its key. A run that another one waits for shares the slot that the nearest
of the runs above it has of the same key: a definition that calls itself would else wait for itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import cast
from uuid import UUID, uuid5

from alga_workflows_core.definition.canonical import canonical
from alga_workflows_core.definition.document import Concurrency, OnLimit
from alga_workflows_core.errors import AlgaError, InputError, NoSlotError
from alga_workflows_core.expressions import engine
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.resolution import resolve
from alga_workflows_core.runs.closing import close_in
from alga_workflows_core.runs.reconciler_endings import canceled
from alga_workflows_core.runs.slots import admit_next
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.slots import SlotKey, SlotRow
from alga_workflows_core.storage.unit_of_work import Due, UnitOfWork
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus, SlotState

MAX_KEY_BYTES = 1000
"""Of what `concurrency.key` gives, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The slot that a run needs."""

    key: SlotKey
    limit: int
    on_limit: OnLimit


@dataclass(frozen=True, slots=True)
class Place:
    """HELD: it may begin; of the slot of `family`, if it shares that. WAITING: it has to queue."""

    state: SlotState
    family: UUID | None = None


async def demand_of(document: JsonObject, payload: Json, run_id: UUID) -> Demand | None:
    """What a run of this definition needs; None if any number may run.

    InputError `CONCURRENCY_KEY_INVALID` if the definition's key cannot be had of this payload.
    """
    written, definition_id = document.get("concurrency"), document["id"]
    if written is None:
        return None
    concurrency = Concurrency.model_validate(written, by_alias=True, by_name=False)
    try:
        key = await asyncio.to_thread(_key, concurrency.key, payload, run_id)
    except (engine.ExpressionError, StepError, InputError) as error:
        raise _no_key(definition_id, _message(error)) from error
    if len(key) > MAX_KEY_BYTES:
        what = f"it has {len(key)} bytes; {MAX_KEY_BYTES} is the limit."
        raise _no_key(definition_id, what)
    return Demand(
        key=SlotKey(definition_id=definition_id, key=key.decode()),
        limit=concurrency.limit,
        on_limit=concurrency.on_limit,
    )


async def place_above(
    work: UnitOfWork, demand: Demand, parent_run_id: UUID | None, parent_wait_id: UUID | None
) -> Place | None:
    """The slot that a run shares that another one waits for, if that has one of this key."""
    if parent_run_id is None or parent_wait_id is None:
        return None
    family = await work.slots.family_above(parent_run_id, demand.key)
    return None if family is None else Place(SlotState.HELD, family)


async def reinstate(work: UnitOfWork, run: RunRow, document: JsonObject) -> None:
    """Give a run that is under way, and whose rows were lost, the slot that it had, whatever the
    limit says."""
    try:
        demand = await demand_of(document, run.payload, run.id)
    except InputError:
        # It has begun, so it had one then; whose it was cannot be told any more.
        return
    if demand is None:
        return
    place = await place_above(work, demand, run.parent_run_id, run.parent_wait_id)
    if place is None:
        await work.slots.lock(demand.key)
        place = Place(SlotState.HELD)
    await enter(work, demand, place, run.id)


async def place_of(work: UnitOfWork, demand: Demand, run_id: UUID) -> Place:
    """Where a new run stands; whoever has to make room for it is asked to. Needs the key's lock.

    NoSlotError if there is none and it is not to wait for one; nothing was written then.
    """
    if await work.slots.waiting(demand.key):
        # Nobody should wait in vain.
        await admit_next(work, demand.key)
    displaces = demand.on_limit == "cancelOldest"
    queue = await work.slots.waiting(demand.key)
    first = not queue or (displaces and not queue[0].displaces)
    if first and await work.slots.held(demand.key) < demand.limit:
        return Place(SlotState.HELD)
    if demand.on_limit == "reject":
        raise NoSlotError(
            f"{demand.limit} runs of {demand.key.definition_id!r} with the key {demand.key.key} "
            "are there already; that is its limit.",
            remedy="Start it again when one of them has ended.",
            details={"limit": demand.limit, "key": demand.key.key},
        )
    if displaces:
        await _displace(work, demand, run_id)
    return Place(SlotState.WAITING)


async def enter(work: UnitOfWork, demand: Demand, place: Place, run_id: UUID) -> None:
    """Keep where the run stands, once it has a row."""
    await work.slots.add(
        run_id,
        demand.key,
        state=place.state,
        at_most=demand.limit,
        displaces=demand.on_limit == "cancelOldest",
        family=place.family,
    )


async def _displace(work: UnitOfWork, demand: Demand, run_id: UUID) -> None:
    """Have the oldest leave, so that with this one no more than the limit remain."""
    there = await work.slots.displaceable(demand.key)
    for slot in there[: max(0, len(there) + 1 - demand.limit)]:
        if slot.state is SlotState.WAITING:
            await _end_unbegun(work, slot)
        else:
            await work.slots.ask_to_leave(slot.family, demand.key)
            await work.deliveries.add_cancel(uuid5(run_id, f"displaces {slot.run_id}"), slot.run_id)
            work.leaves(Due.DELIVERIES)


async def _end_unbegun(work: UnitOfWork, slot: SlotRow) -> None:
    run = await work.runs.get(slot.run_id)
    if run is not None:
        error = canceled("A newer run took its place before it began.")
        await close_in(work, run, RunEnding(status=RunStatus.CANCELED, error=error.as_json()))


def _key(value: Json, payload: Json, run_id: UUID) -> bytes:
    chance = Random(run_id.int)  # noqa: S311 - the same for the same run
    sources = engine.Sources(now=lambda: datetime.now(UTC), random=chance.random)
    context = {"payload": payload}
    return canonical(resolve(value, lambda text: engine.evaluate(text, context, sources), ""))


def _message(error: Exception) -> str:
    if isinstance(error, StepError):
        return error.info.message
    return cast("AlgaError", error).message


def _no_key(definition_id: str, why: str) -> InputError:
    return InputError(
        f"The concurrency key of {definition_id!r} cannot be made of this payload: {why}",
        code="CONCURRENCY_KEY_INVALID",
        path="/payload",
        remedy="Correct the payload, or `concurrency.key` of the definition.",
    )

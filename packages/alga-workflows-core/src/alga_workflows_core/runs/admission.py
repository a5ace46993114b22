"""Whether a run may begin, by its schedule and by the `concurrency` of its definition.

A run needs a slot of the schedule that starts it, and then one of its definition's key. A run that
another one waits for shares the slot that the nearest of the runs above it has of the same key: a
definition that calls itself would else wait for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Literal, cast
from uuid import UUID

from alga_workflows_core.definition.document import Concurrency
from alga_workflows_core.errors import AlgaError, InputError
from alga_workflows_core.expressions import engine
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.resolution import resolve
from alga_workflows_core.runs.queueing import Demand, Place, place_of
from alga_workflows_core.storage.runs import NewRun, RunRow
from alga_workflows_core.storage.schedule_fires import SCHEDULE_TRIGGER, schedule_of_key
from alga_workflows_core.storage.slots import SlotKey, slot_of_schedule
from alga_workflows_core.storage.unit_of_work import Due, UnitOfWork
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import SlotState

MAX_KEY_BYTES = 1000
"""Of what `concurrency.key` gives, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSchedule:
    """The schedule that starts a run, and what is to become of those of its runs that are open, or
    of this one."""

    id: str
    overlap: Literal["allow", "queue", "cancelOldest"]

    @property
    def demand(self) -> Demand:
        """Every run of a schedule has a slot of it, so that all that are open count."""
        return Demand(key=slot_of_schedule(self.id), limit=1, on_limit=self.overlap)


async def demand_of(document: JsonObject, payload: Json, run_id: UUID) -> Demand | None:
    """What the definition of a run asks for; None if any number may run.

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
        key=SlotKey(owner=definition_id, key=key.decode()),
        limit=concurrency.limit,
        on_limit=concurrency.on_limit,
    )


async def places_of(
    work: UnitOfWork, demands: Sequence[Demand], new: NewRun
) -> Sequence[Place] | None:
    """Where a new run stands with each slot that it needs; None if its row is there already.

    NoSlotError if it is one too many and is not to wait; nothing was written then.
    """
    places: list[Place] = []
    for demand in demands:
        if any(place.state is not SlotState.HELD for place in places):
            places.append(Place(SlotState.LATER))
            continue
        place = await _place_above(work, demand, new.parent_run_id, new.parent_wait_id)
        if place is None:
            await work.slots.lock(demand.key)
            if await work.runs.get(new.id) is not None:
                return None
            place = await place_of(work, demand, new.id)
        places.append(place)
    return places


async def reinstate(work: UnitOfWork, run: RunRow, document: JsonObject) -> None:
    """Give a run that is under way, and whose rows were lost, the slots that it had, whatever the
    limits say."""
    demands: list[Demand] = []
    if run.trigger_type == SCHEDULE_TRIGGER:
        demands.append(OfSchedule(id=schedule_of_key(run.execution_key), overlap="allow").demand)
    try:
        demand = await demand_of(document, run.payload, run.id)
    except InputError:
        # It has begun, so it had one then; whose it was cannot be told any more.
        demand = None
    if demand is not None:
        demands.append(demand)
    for each in demands:
        place = await _place_above(work, each, run.parent_run_id, run.parent_wait_id)
        if place is None:
            await work.slots.lock(each.key)
            place = Place(SlotState.HELD)
        await enter(work, each, place, run.id)


async def readmit(work: UnitOfWork, run: RunRow, document: JsonObject) -> None:
    """Have a run begin that was queued anew, when it has the slots that it needs.

    It takes one of its schedule, which it does not wait for: that is for its next occurrences. Of
    its definition it needs one like any new run. NoSlotError, InputError `CONCURRENCY_KEY_INVALID`.
    """
    demands: list[Demand] = []
    if run.trigger_type == SCHEDULE_TRIGGER:
        demands.append(OfSchedule(id=schedule_of_key(run.execution_key), overlap="allow").demand)
    demand = await demand_of(document, run.payload, run.id)
    if demand is not None:
        demands.append(demand)
    due = True
    for each in demands:
        place = await _place_above(work, each, run.parent_run_id, run.parent_wait_id)
        if place is None:
            await work.slots.lock(each.key)
            place = await place_of(work, each, run.id)
        await enter(work, each, place, run.id)
        due = due and place.state is SlotState.HELD
    if due:
        await work.open_runs.make_due(run.id)
        work.leaves(Due.STARTS)


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


async def _place_above(
    work: UnitOfWork, demand: Demand, parent_run_id: UUID | None, parent_wait_id: UUID | None
) -> Place | None:
    """The slot that a run shares that another one waits for, if that has one of this key."""
    if parent_run_id is None or parent_wait_id is None:
        return None
    family = await work.slots.family_above(parent_run_id, demand.key)
    return None if family is None else Place(SlotState.HELD, family)


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

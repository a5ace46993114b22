"""Start the run that an event is for: its row and the end of the delivery in one transaction."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alga_workflows_core.definition.event_matching import first_refusal
from alga_workflows_core.errors import (
    AlgaError,
    Category,
    ConflictError,
    ErrorInfo,
    UnavailableError,
)
from alga_workflows_core.events.seen import as_seen
from alga_workflows_core.expressions.engine import Sources
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.system import System
from alga_workflows_core.storage.definitions import VersionRow
from alga_workflows_core.storage.deliveries import Delivery
from alga_workflows_core.storage.event_rows import EventRow
from alga_workflows_core.storage.event_waits import EVENT_TRIGGER
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import DefinitionState, DeliveryState

STEP = "trigger"
"""What errors of a mapping name as their step."""


class StartsRun(Protocol):
    """Writes the row of a run that an event starts."""

    async def __call__(
        self, work: UnitOfWork, definition_id: str, version: int, event_id: UUID, payload: Json
    ) -> None:
        """In a transaction of the caller; repeating it changes nothing. ConflictError
        `CONCURRENCY_LIMIT` if there are too many runs, InputError if the payload does not fit."""
        ...


@dataclass(frozen=True, slots=True)
class _Ready:
    """What the run gets."""

    version: int
    payload: Json


@dataclass(frozen=True, slots=True)
class _Closed:
    """Nothing is started, and why."""

    state: DeliveryState
    error: ErrorInfo | None = None


class TriggerDeliveries:
    """Delivers what is of kind `trigger`. The active version at that time is what starts."""

    def __init__(self, storage: Storage, start: StartsRun) -> None:
        self._storage = storage
        self._start = start

    async def deliver(self, tenant: str, delivery: Delivery) -> None:
        """Start the run and close the delivery, or close it with the reason why not."""
        definition_id, event_id = delivery.definition_id, delivery.event_id
        if definition_id is None or event_id is None:
            raise ValueError(f"delivery {delivery.id} of kind trigger names no trigger")
        prepared = await self._prepare(tenant, definition_id, event_id, delivery.run_id)
        async with self._storage.unit_of_work(tenant) as work:
            # Whoever pauses or activates the definition waits, or has done it.
            definition = await work.definitions.get_shared(definition_id)
            if definition is None or definition.state is not DefinitionState.ACTIVE:
                paused = definition is not None and definition.state is DefinitionState.PAUSED
                prepared = _Closed(DeliveryState.HELD) if paused else _gone(definition_id)
            elif isinstance(prepared, _Ready):
                if prepared.version != definition.active_version:
                    # Another one has become active meanwhile.
                    await work.deliveries.postpone(delivery.id, 0.0, "", counts=False)
                    return
                prepared = await self._start_in(work, definition_id, event_id, prepared)
            error = None if prepared.error is None else prepared.error.as_json()
            await work.deliveries.close(delivery.id, prepared.state, error)

    async def _start_in(
        self, work: UnitOfWork, definition_id: str, event_id: UUID, ready: _Ready
    ) -> _Closed:
        try:
            await self._start(work, definition_id, ready.version, event_id, ready.payload)
        except UnavailableError:
            raise
        except ConflictError as error:
            return _Closed(DeliveryState.REJECTED, _info(error))
        except AlgaError as error:
            return _Closed(DeliveryState.DEAD, _info(error))
        return _Closed(DeliveryState.DELIVERED)

    async def _prepare(
        self, tenant: str, definition_id: str, event_id: UUID, run_id: UUID
    ) -> _Ready | _Closed:
        async with self._storage.unit_of_work(tenant) as work:
            event = await work.events.get(event_id)
            definition = await work.definitions.get(definition_id)
            active = None if definition is None else definition.active_version
            version = (
                None if active is None else await work.definitions.version(definition_id, active)
            )
        if event is None or version is None:
            return _gone(definition_id)
        trigger = version.parsed().get("trigger")
        if trigger is None or trigger["eventName"] != event.type:
            return _not_wanted(version, "has no trigger for this event")
        seen = as_seen(event)
        if first_refusal(seen, trigger.get("filters", [])) is not None:
            return _not_wanted(version, "has a filter that this event does not meet")
        try:
            # Expressions may take long; the loop has other things to do.
            payload = await asyncio.to_thread(
                _payload, trigger, seen, _system(tenant, version, run_id, event), event
            )
        except StepError as error:
            return _Closed(DeliveryState.DEAD, error.info)
        return _Ready(version.version, payload)


def _payload(trigger: JsonObject, seen: JsonObject, system: System, event: EventRow) -> Json:
    mapping = trigger.get("payloadMapping")
    if mapping is None:
        return seen["payload"]
    # The same event gives the same payload, however often it is made.
    chance = random.Random(str(event.id))  # noqa: S311 (no secret is made of it)
    sources = Sources(now=lambda: event.received_at, random=chance.random)
    scope = Scope(payload=None, system={**system}, sources=sources, names={"event": seen})
    return scope.resolve(mapping, STEP)


def _system(tenant: str, version: VersionRow, run_id: UUID, event: EventRow) -> System:
    return System(
        tenant=tenant,
        runId=str(run_id),
        workflowId=version.definition_id,
        workflowVersion=version.version,
        triggerType=EVENT_TRIGGER,
        startedAt=event.received_at.isoformat(),
    )


def _info(error: AlgaError) -> ErrorInfo:
    return ErrorInfo(
        code=error.error_code,
        category=Category.VALIDATION,
        message=str(error),
        details=error.details or None,
    )


def _gone(definition_id: str) -> _Closed:
    return _Closed(
        DeliveryState.GONE,
        ErrorInfo(
            code="DEFINITION_NOT_ACTIVE",
            category=Category.VALIDATION,
            message=f"Definition {definition_id!r} starts no runs any more.",
        ),
    )


def _not_wanted(version: VersionRow, why: str) -> _Closed:
    return _Closed(
        DeliveryState.GONE,
        ErrorInfo(
            code="TRIGGER_CHANGED",
            category=Category.VALIDATION,
            message=f"Version {version.version} of {version.definition_id!r}, "
            f"which has become active since, {why}.",
        ),
    )

"""Launch a run: one committed row, whose id is derived from what asked for it.

Asking again with the same key answers the same run, however often and after whatever crash. The row
is QUEUED; `runs.starter` takes it from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import structlog

from alga_workflows_core.errors import ConflictError, InputError, NotFoundError, TooLargeError
from alga_workflows_core.runs.admission import OfSchedule, demand_of, enter, places_of
from alga_workflows_core.runs.queueing import Demand
from alga_workflows_core.storage.definitions import DefinitionRow, VersionRow
from alga_workflows_core.storage.event_waits import EVENT_TRIGGER
from alga_workflows_core.storage.runs import NewRun, RunRow
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.temporal.names import run_id
from alga_workflows_core.types.canonical import canonical, content_hash
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import DefinitionState, SlotState
from alga_workflows_core.validation.payload import check_payload

log = structlog.get_logger()

MAX_PAYLOAD_BYTES = 256 * 1024
"""Size of a payload's canonical form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The run that starts this one. `parent_wait_id` None: it does not wait for it."""

    parent_run_id: UUID
    parent_wait_id: UUID | None
    root_run_id: UUID
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What is to be started. `key` makes repeated requests one run; `version` None: the active.

    `schedule` is there for a run that one starts.
    """

    tenant: str
    definition_id: str
    trigger_type: str
    key: str
    payload: Json
    version: int | None
    by: str
    origin: Origin | None = None
    schedule: OfSchedule | None = None


@dataclass(frozen=True, slots=True)
class Launched:
    """The run, and whether this request made it."""

    run: RunRow
    created: bool


class Launcher:
    """Commits rows of runs that are to be started."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def launch(self, request: LaunchRequest) -> Launched:
        """Commit the run's row, or find it; raises what `launch_in` raises."""
        async with self._storage.unit_of_work(request.tenant) as work:
            return await self.launch_in(work, request)

    async def launch_in(self, work: UnitOfWork, request: LaunchRequest) -> Launched:
        """Write the run's row, or find it, in a transaction of the request's tenant. The run is
        started after its commit.

        Nothing has been written when it raises: NotFoundError (definition, version), ConflictError
        (not active), NoSlotError (too many runs), TooLargeError (payload), InputError (payload
        against the schema; `CONCURRENCY_KEY_INVALID`; `KEY_REUSED` when the key has started
        something else).
        """
        identity = run_id(request.tenant, request.definition_id, request.trigger_type, request.key)
        request_hash = content_hash({"payload": request.payload, "version": request.version})
        _check_size(request.payload)
        found = await work.runs.get(identity)
        created = False
        if found is None:
            version = await _startable(work, request)
            document = version.parsed()
            schema = await _payload_schema(work, document)
            if schema is not None:
                check_payload(schema, request.payload, definition_id=request.definition_id)
            demand = await demand_of(document, request.payload, identity)
            schedule = request.schedule
            demands = (None if schedule is None else schedule.demand, demand)
            new = _row(request, identity, request_hash, version)
            created = await _add(work, new, [each for each in demands if each is not None])
            found = await work.runs.get(identity)
        if found is None:
            raise RuntimeError(f"run {identity} was written and cannot be read")
        if not _is_of(found, request, request_hash):
            raise InputError(
                f"The key {request.key!r} has started run {identity} with another payload or "
                "version.",
                code="KEY_REUSED",
                path="Idempotency-Key",
                remedy="Use a new key for a new run.",
            )
        if created:
            log.info(
                f"Run {identity} of {request.definition_id} {found.version} is queued",
                action="run.queued",
                run_id=str(identity),
                tenant=request.tenant,
                definition=request.definition_id,
            )
        return Launched(found, created)

    async def start_for_event(
        self, work: UnitOfWork, definition_id: str, version: int, event_id: UUID, payload: Json
    ) -> None:
        """Write the row of the run that an event starts; raises what `launch_in` raises."""
        request = LaunchRequest(
            tenant=work.tenant,
            definition_id=definition_id,
            trigger_type=EVENT_TRIGGER,
            key=str(event_id),
            payload=payload,
            version=version,
            by="event",
        )
        await self.launch_in(work, request)


async def _add(work: UnitOfWork, new: NewRun, demands: Sequence[Demand]) -> bool:
    """Insert the run, which begins when it has all slots that it needs; False if it is there."""
    places = await places_of(work, demands, new)
    if places is None:
        return False
    due = all(place.state is SlotState.HELD for place in places)
    if not await work.runs.add(new, due=due):
        return False
    for demand, place in zip(demands, places, strict=True):
        await enter(work, demand, place, new.id)
    if due:
        work.leaves(Due.STARTS)
    return True


async def _payload_schema(work: UnitOfWork, document: JsonObject) -> JsonObject | None:
    """The document's own, or that which the event type that it names has now."""
    name: str | None = document.get("payloadSchemaRef")
    if name is None:
        return document.get("payloadSchema")
    return (await work.event_types.schemas([name])).get(name)


def _is_of(run: RunRow, request: LaunchRequest, request_hash: str) -> bool:
    """Whether the run is what was asked for."""
    if run.request_hash is not None:
        return run.request_hash == request_hash
    # A row that was made anew does not know how it was asked for, only what that came to.
    return request.version in (None, run.version) and canonical(run.payload) == canonical(
        request.payload
    )


def _check_size(payload: Json) -> None:
    size = len(canonical(payload))
    if size > MAX_PAYLOAD_BYTES:
        raise TooLargeError(
            f"The payload has {size} bytes; {MAX_PAYLOAD_BYTES} is the limit.",
            path="/payload",
            remedy="Keep large data elsewhere and pass its address.",
        )


def _row(request: LaunchRequest, identity: UUID, request_hash: str, version: VersionRow) -> NewRun:
    return NewRun(
        id=identity,
        definition_id=request.definition_id,
        version=version.version,
        trigger_type=request.trigger_type,
        execution_key=request.key,
        request_hash=request_hash,
        payload=request.payload,
        created_by=request.by,
        **({} if request.origin is None else asdict(request.origin)),
    )


async def _startable(work: UnitOfWork, request: LaunchRequest) -> VersionRow:
    definition = await work.definitions.get(request.definition_id)
    if definition is None:
        raise NotFoundError(
            f"There is no definition {request.definition_id!r}.",
            remedy="GET /api/v1/definitions lists them.",
        )
    active = _active_version(definition)
    number = active if request.version is None else request.version
    version = await work.definitions.version(request.definition_id, number)
    if version is None:
        raise NotFoundError(
            f"Definition {request.definition_id!r} has no version {number}.",
            remedy=f"GET /api/v1/definitions/{request.definition_id}/versions lists them.",
        )
    return version


def _active_version(definition: DefinitionRow) -> int:
    """The active version; ConflictError if this definition starts no runs, whatever the version."""
    if definition.state is DefinitionState.ACTIVE and definition.active_version is not None:
        return definition.active_version
    raise ConflictError(
        f"Definition {definition.id!r} is {definition.state}, so it starts no runs.",
        code="DEFINITION_NOT_ACTIVE",
        remedy="Publish it first." if definition.state is DefinitionState.DRAFT else "Activate it.",
    )

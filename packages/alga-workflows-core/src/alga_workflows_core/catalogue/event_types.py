"""Event types as data of a tenant: a schema for the data, and keys that events are found by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import structlog
from pydantic import Field

from alga_workflows_core.errors import InputError, NotFoundError, TooLargeError
from alga_workflows_core.storage.event_types import EventTypeRow, PolicyRow, UnknownTypes
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.canonical import canonical, content_hash
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.schema_faults import schema_faults

log = structlog.get_logger()

MAX_SCHEMA_BYTES = 256 * 1024
"""Size of a schema's canonical form."""

MAX_KEYS = 16
"""Named keys of a type."""

KEY_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
KEY_PATH = r"^payload(\.[A-Za-z_$][A-Za-z0-9_$-]{0,127}){1,32}$"

_MOST_FAULTS = 20

KeyName = Annotated[str, Field(pattern=KEY_NAME)]
KeyPath = Annotated[str, Field(pattern=KEY_PATH)]


class EventTypeContent(Model):
    """What is said of events of a type.

    `schema`: a JSON Schema 2020-12 for the data; without one any data will do. `keys`: by name,
    where in the payload there is a text or a number that waits find the event by, besides its own
    key.
    """

    json_schema: Annotated[JsonObject | None, Field(alias="schema")] = None
    keys: Annotated[
        dict[KeyName, KeyPath],
        Field(max_length=MAX_KEYS, examples=[{"ticket": "payload.ticketId"}]),
    ] = Field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SavedType:
    """The version; `created` is false when it had the same content and was there already."""

    row: EventTypeRow
    created: bool


class EventTypeService:
    """Event types of any tenant."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def list(self, tenant: str, *, after: str | None, limit: int) -> list[EventTypeRow]:
        """The active versions, by name."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.event_types.list(after=after, limit=limit)

    async def get(self, tenant: str, name: str) -> EventTypeRow:
        """The active version; NotFoundError."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.event_types.get(name)
        if row is None:
            raise _no_type(name)
        return row

    async def versions(
        self, tenant: str, name: str, *, after: int | None, limit: int
    ) -> list[EventTypeRow]:
        """The newest first; NotFoundError if there is no such type."""
        await self.get(tenant, name)
        async with self._storage.unit_of_work(tenant) as work:
            return await work.event_types.versions(name, after=after, limit=limit)

    async def save(
        self, tenant: str, name: str, content: EventTypeContent, *, by: str
    ) -> SavedType:
        """Make this content the active version: a new one, or the former one that has it.

        InputError `EVENT_TYPE_INVALID` for a schema that nothing can be held against,
        TooLargeError.
        """
        schema = content.json_schema
        if schema is not None:
            _check_schema(schema)
        identity = content_hash({"schema": schema, "keys": content.keys})
        async with self._storage.unit_of_work(tenant) as work:
            row, created = await work.event_types.activate(
                name, schema=schema, keys=content.keys, content_hash=identity, by=by
            )
        log.info(
            f"Version {row.version} of the event type {name} is active",
            action="event_type.saved",
            tenant=tenant,
            event_type=name,
            version=row.version,
            created=created,
        )
        return SavedType(row, created)

    async def policy(self, tenant: str) -> PolicyRow:
        """What becomes of events of unknown types."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.event_types.policy()

    async def set_policy(self, tenant: str, unknown_types: UnknownTypes, *, by: str) -> PolicyRow:
        """Decide what becomes of them from now on."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.event_types.set_policy(unknown_types, by=by)
        log.info(
            f"Events of unknown types: {unknown_types}",
            action="event_policy.saved",
            tenant=tenant,
            unknown_types=unknown_types,
        )
        return row


def _check_schema(schema: JsonObject) -> None:
    size = len(canonical(schema))
    if size > MAX_SCHEMA_BYTES:
        raise TooLargeError(
            f"The schema has {size} bytes; {MAX_SCHEMA_BYTES} is the limit.", path="/schema"
        )
    faults = [
        {"path": pointer("schema") + where, "message": message}
        for where, message in schema_faults(schema)
    ]
    if faults:
        raise InputError(
            f"The schema cannot be used: {faults[0]['message']}",
            code="EVENT_TYPE_INVALID",
            path=faults[0]["path"],
            remedy="Correct the schema; it is read as JSON Schema 2020-12.",
            details={"faults": faults[:_MOST_FAULTS]},
        )


def _no_type(name: str) -> NotFoundError:
    return NotFoundError(
        f"There is no event type {name[:200]!r}.", remedy="GET /api/v1/event-types lists them."
    )

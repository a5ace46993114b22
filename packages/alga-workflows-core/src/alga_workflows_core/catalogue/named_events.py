"""The events that documents name, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from alga_workflows_core.definition.tree import raw_blocks
from alga_workflows_core.storage.event_types import EventTypes
from alga_workflows_core.types.json import Json, JsonObject

_MAX_NAMES = 2000
"""So many names are looked at for one that may have been meant."""


def events_of(document: Json) -> frozenset[str]:
    """The events that `document`, whatever it is, starts on, waits for or has a schema from."""
    return frozenset(_events(document))


def schema_ref_of(document: Json) -> str | None:
    """The event whose schema a document's payload has, if it names one."""
    named = cast("JsonObject", document).get("payloadSchemaRef") if _is_object(document) else None
    return named if isinstance(named, str) else None


async def known_events(types: EventTypes, document: Json) -> Mapping[str, JsonObject | None] | None:
    """The tenant's event types as validation has to know them: the schemas of those that `document`
    names, and the names of the others.

    None where a tenant keeps no types and takes events of any, so that nothing has to be said of
    them, unless the document wants the schema of one.
    """
    named = events_of(document)
    if not named:
        return {}
    names = await types.names(limit=_MAX_NAMES)
    is_loose = not names and (await types.policy()).unknown_types == "accept"
    if is_loose and schema_ref_of(document) is None:
        return None
    return {**dict.fromkeys(names), **await types.schemas(named)}


def _events(document: Json) -> Iterator[str]:
    ref = schema_ref_of(document)
    if ref is not None:
        yield ref
    if not _is_object(document):
        return
    yield from _name(cast("JsonObject", document).get("trigger"))
    waiting: list[Json] = [document]
    while waiting:
        step = waiting.pop()
        if not _is_object(step):
            continue
        members = cast("JsonObject", step)
        if members.get("type") == "event.wait":
            yield from _names(members.get("config"))
        for _, entries in raw_blocks(members):
            waiting += entries


def _names(config: Json) -> Iterator[str]:
    yield from _name(config)
    if _is_object(config):
        for several in ("any", "all"):
            entries: Json = cast("JsonObject", config).get(several)
            for entry in cast("list[Json]", entries) if isinstance(entries, list) else ():
                yield from _name(entry)


def _name(match: Json) -> Iterator[str]:
    name: Json = cast("JsonObject", match).get("eventName") if _is_object(match) else None
    if isinstance(name, str):
        yield name


def _is_object(value: Json) -> bool:
    return isinstance(value, dict)

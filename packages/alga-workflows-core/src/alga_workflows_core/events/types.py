"""Hold events against the types of their tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from alga_workflows_core.definition.event_matching import key_text, value_at
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.events.accepting import Judgement, ToJudge
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.listed_faults import listed_faults

KEPT = 500
"""Versions of types that a process keeps in memory."""


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    version: int
    schema: JsonObject | None
    keys: Mapping[str, str]


class JudgesByType:
    """Judges events of any tenant by their active types. Versions do not change, so they are read
    once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, int], _Type] = {}

    async def judge(self, work: UnitOfWork, events: Sequence[ToJudge]) -> Mapping[UUID, Judgement]:
        """By the id of the row; see `events.accepting.EventTypes`."""
        names = {event.type for event in events}
        active = await work.event_types.active(names)
        types = {name: await self._read(work, name, active[name]) for name in sorted(active)}
        refuses = names != active.keys() and (
            (await work.event_types.policy()).unknown_types == "refuse"
        )
        if not types:
            return {event.id: _unknown(event.type) for event in events if refuses}
        # Schemas may take long; the loop has other things to do.
        return await asyncio.to_thread(_judge, events, types, refuses)

    async def _read(self, work: UnitOfWork, name: str, version: int) -> _Type:
        key = (work.tenant, name, version)
        found = self._kept.pop(key, None)
        if found is None:
            row = await work.event_types.get(name, version)
            if row is None:
                raise RuntimeError(f"version {version} of {name} was read and is gone")
            found = _Type(name, version, row.schema, row.keys)
        # The one that was used last stays longest.
        self._kept[key] = found
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return found


def _judge(
    events: Sequence[ToJudge], types: Mapping[str, _Type], refuses: bool
) -> dict[UUID, Judgement]:
    judged: dict[UUID, Judgement] = {}
    for event in events:
        of_event = types.get(event.type)
        if of_event is not None:
            refusal = _refusal(event.data, of_event)
            keys = () if refusal is not None else _keys(event.data, of_event.keys)
            judged[event.id] = Judgement(refusal=refusal, keys=keys)
        elif refuses:
            judged[event.id] = _unknown(event.type)
    return judged


def _refusal(data: Json, of_event: _Type) -> ErrorInfo | None:
    if of_event.schema is None:
        return None
    try:
        faults = listed_faults(of_event.schema, data, root="data")
    except (RecursionError, ValueError):
        return _invalid(of_event, "it is nested too deeply, or its schema cannot be used")
    if not faults.total:
        return None
    first = faults.listed[0]
    told = f"{first['path']}: {first['message'].rstrip('.')}"
    return _invalid(of_event, told, {"faults": faults.listed, "total": faults.total})


def _invalid(of_event: _Type, why: str, details: JsonObject | None = None) -> ErrorInfo:
    return ErrorInfo(
        code="EVENT_INVALID",
        category=Category.VALIDATION,
        message=f"The data does not fit version {of_event.version} of the event type "
        f"{of_event.name!r}; {why}.",
        details=details,
    )


def _keys(data: Json, paths: Mapping[str, str]) -> list[str]:
    """The values of the named keys, of those that are there and are texts or numbers."""
    found = (value_at({"payload": data}, path) for path in paths.values())
    return [text for value in found if (text := key_text(value)) is not None]


def _unknown(name: str) -> Judgement:
    return Judgement(
        refusal=ErrorInfo(
            code="EVENT_TYPE_UNKNOWN",
            category=Category.VALIDATION,
            message=f"There is no event type {name!r}, and this tenant refuses events of "
            "unknown types.",
        )
    )

"""The calendars that documents count working time by, and who would miss one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, cast

from alga_workflows_core.definition.tree import raw_blocks
from alga_workflows_core.interpreter.working_time import OWN_CALENDAR
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.strict_json import loads

_MODE = "businessTime"
_AT_ONCE = 20


class CalendarUser(Protocol):
    """Something of a tenant that may count by a calendar."""

    async def using(self, work: UnitOfWork, calendar: str) -> Sequence[str]:
        """What would miss this calendar, each in words, as in "the definition 'onboarding'"."""
        ...


class DefinitionsUsing:
    """Definitions whose active version waits for working time."""

    async def using(self, work: UnitOfWork, calendar: str) -> Sequence[str]:
        found: list[str] = []
        after: str | None = None
        while True:
            # Documents may be large, so not many are held at a time.
            page = await work.definitions.active_with(_MODE, after=after, limit=_AT_ONCE)
            found += [
                f"the definition {row.definition_id!r}"
                for row in page
                if row.document is not None and calendar in calendars_of(loads(row.document))
            ]
            if len(page) < _AT_ONCE:
                return found
            after = page[-1].definition_id


def calendars_of(document: Json) -> frozenset[str]:
    """The calendars that `document`, whatever it is, counts by; where none is named, the tenant's
    own."""
    return frozenset(_calendars(document))


def _calendars(document: Json) -> Iterator[str]:
    waiting: list[Json] = [document]
    while waiting:
        step = waiting.pop()
        if not isinstance(step, dict):
            continue
        members = cast("JsonObject", step)
        config: Json = members.get("config")
        if members.get("type") == "time.wait" and isinstance(config, dict):
            held = cast("JsonObject", config)
            name: Json = held.get("calendar", OWN_CALENDAR)
            if held.get("mode") == _MODE and isinstance(name, str):
                yield name
        for _, entries in raw_blocks(members):
            waiting += entries

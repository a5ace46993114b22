"""Take events from outside: what is taken is committed, as staged rows, before it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import structlog

from alga_workflows_core.errors import ErrorInfo, InputError
from alga_workflows_core.events.accepting import EventTypes, Judgement, ToJudge
from alga_workflows_core.storage.event_rows import NewEvent, event_row_id
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.types.json import JsonObject

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Taken:
    """The row of an event. `duplicate`: there was one of this source and id already, which stays
    as it is."""

    row_id: UUID
    duplicate: bool


Answer: TypeAlias = Taken | InputError
"""What becomes of one event: its row, or why it is refused; then it is not stored."""


class Ingress:
    """Stages events of any tenant. Without `types` every event is taken."""

    def __init__(self, storage: Storage, types: EventTypes | None = None) -> None:
        self._storage = storage
        self._types = types

    async def take(self, tenant: str, events: Sequence[NewEvent]) -> list[Answer]:
        """Stage events in one transaction; an answer for each, in their order.

        An event that its type refuses hinders no other one.
        """
        if not events:
            return []
        row_ids = [event_row_id(tenant, each.source, each.event_id) for each in events]
        by_id = dict(zip(reversed(row_ids), reversed(events), strict=True))
        async with self._storage.unit_of_work(tenant) as work:
            known = await work.events.known(by_id)
            unknown = {row_id: by_id[row_id] for row_id in by_id if row_id not in known}
            refused = await self._refused(work, unknown)
            staged = await work.events.stage_all(
                [
                    unknown[row_id]
                    for row_id in dict.fromkeys(row_ids)
                    if row_id in unknown and row_id not in refused
                ]
            )
            if staged:
                work.leaves(Due.EVENTS)
        log.info(
            f"{len(staged)} of {len(events)} events were taken",
            action="events.taken",
            tenant=tenant,
            refused=len(refused),
        )
        answers: list[Answer] = []
        for row_id in row_ids:
            if row_id in refused:
                answers.append(_as_error(refused[row_id]))
            else:
                answers.append(Taken(row_id, row_id not in staged))
                staged.discard(row_id)
        return answers

    async def _refused(
        self, work: UnitOfWork, events: Mapping[UUID, NewEvent]
    ) -> dict[UUID, ErrorInfo]:
        if self._types is None or not events:
            return {}
        judged = await self._types.judge(
            work,
            [ToJudge(id=row_id, type=new.type, data=new.data) for row_id, new in events.items()],
        )
        return {row_id: why for row_id in events if (why := _refusal(judged.get(row_id)))}


def _refusal(judgement: Judgement | None) -> ErrorInfo | None:
    return None if judgement is None else judgement.refusal


def _as_error(why: ErrorInfo) -> InputError:
    faults: Sequence[JsonObject] = (why.details or {}).get("faults", [])
    path = faults[0]["path"] if faults else None
    return InputError(why.message, code=why.code, path=path, details=why.details)

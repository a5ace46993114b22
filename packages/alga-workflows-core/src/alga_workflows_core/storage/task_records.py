"""What belongs to a task: whom it asks, what they have answered, and who did what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.task_tables import task_answers as answers
from alga_workflows_core.storage.task_tables import task_candidates as candidates
from alga_workflows_core.storage.task_tables import task_log as log
from alga_workflows_core.types.json import Json, JsonObject

CandidateKind: TypeAlias = Literal["person", "group", "everybody", "claimer", "escalation"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom a task asks: a person or a group by name, or everybody; also who has claimed it, and
    groups that it will ask once it is overdue (escalation)."""

    kind: CandidateKind
    name: str


EVERYBODY = Candidate("everybody", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person has answered."""

    person: str
    answer: Json
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that was done to a task. `via`: the API key that vouched for `person`; neither is
    there if nobody did it."""

    deed: str
    person: str | None = None
    via: str | None = None
    detail: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDeed:
    """A deed and when it was done, by the database's clock."""

    at: datetime
    deed: str
    person: str | None
    via: str | None
    detail: JsonObject | None


class TaskRecords:
    """The candidates, answers and logs of one tenant's tasks."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def ask(self, task_id: UUID, asked: Collection[Candidate]) -> None:
        """Add candidates; those that are there already stay."""
        if asked:
            values = [
                {"tenant": self._tenant, "task_id": task_id, "kind": each.kind, "name": each.name}
                for each in asked
            ]
            await self._connection.execute(insert(candidates).on_conflict_do_nothing(), values)

    async def unask(self, task_id: UUID, candidate: Candidate) -> None:
        """Remove a candidate, if it is one."""
        await self._connection.execute(
            delete(candidates).where(
                candidates.c.tenant == self._tenant,
                candidates.c.task_id == task_id,
                candidates.c.kind == candidate.kind,
                candidates.c.name == candidate.name,
            )
        )

    async def candidates(self, task_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Candidate]]:
        """Those of each task, in the order of their names."""
        found: dict[UUID, list[Candidate]] = {task_id: [] for task_id in task_ids}
        if found:
            rows = await self._connection.execute(
                select(candidates.c.task_id, candidates.c.kind, candidates.c.name)
                .where(
                    candidates.c.tenant == self._tenant,
                    candidates.c.task_id.in_(found),
                )
                .order_by(candidates.c.kind, candidates.c.name)
            )
            for row in rows:
                found[row.task_id].append(Candidate(row.kind, row.name))
        return found

    async def add_answer(self, task_id: UUID, person: str, answer: Json, position: int) -> None:
        """Keep what a person has answered, as the answer with this number. The caller has locked
        the task and seen that there is none of this person."""
        await self._connection.execute(
            insert(answers).values(
                tenant=self._tenant,
                task_id=task_id,
                person=person,
                position=position,
                answer=answer,
            )
        )

    async def answers(self, task_id: UUID) -> Sequence[Answer]:
        """In the order in which they came."""
        rows = await self._connection.execute(
            select(answers)
            .where(answers.c.tenant == self._tenant, answers.c.task_id == task_id)
            .order_by(answers.c.position)
        )
        return [read(Answer, row) for row in rows.mappings()]

    async def answered_by(self, task_ids: Collection[UUID]) -> Mapping[UUID, Sequence[str]]:
        """Who has answered each task, in the order in which they did."""
        found: dict[UUID, list[str]] = {task_id: [] for task_id in task_ids}
        if found:
            rows = await self._connection.execute(
                select(answers.c.task_id, answers.c.person)
                .where(
                    answers.c.tenant == self._tenant,
                    answers.c.task_id.in_(found),
                )
                .order_by(answers.c.task_id, answers.c.position)
            )
            for row in rows:
                found[row.task_id].append(row.person)
        return found

    async def log(self, task_id: UUID, deed: Deed) -> None:
        """Write down what was done, in the transaction that does it."""
        await self._connection.execute(
            insert(log).values(
                tenant=self._tenant,
                task_id=task_id,
                deed=deed.deed,
                person=deed.person,
                via=deed.via,
                detail=deed.detail,
            )
        )

    async def logged(self, task_id: UUID, limit: int) -> Sequence[LoggedDeed]:
        """The newest deeds, `limit` at most, in the order in which they were done."""
        rows = await self._connection.execute(
            select(log)
            .where(log.c.tenant == self._tenant, log.c.task_id == task_id)
            .order_by(log.c.number.desc())
            .limit(limit)
        )
        return [read(LoggedDeed, row) for row in reversed(rows.mappings().all())]

    async def was_logged(self, task_id: UUID, deed: str, person: str, detail: JsonObject) -> bool:
        """Whether a person did just this before."""
        rows = await self._connection.execute(
            select(log.c.detail).where(
                log.c.tenant == self._tenant,
                log.c.task_id == task_id,
                log.c.deed == deed,
                log.c.person == person,
            )
        )
        return any(row.detail == detail for row in rows)

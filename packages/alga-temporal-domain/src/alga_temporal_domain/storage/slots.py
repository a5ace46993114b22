"""Slots of project workers and their leases, across tenants: ids, epochs and leases only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read

_HELD = "CAST(:projects AS uuid[]), CAST(:hashes AS text[]), CAST(:numbers AS integer[])"
_RENEW = text(f"""
    SELECT * FROM renew_slots(:holder, :ttl, :most_projects, {_HELD}, CAST(:epochs AS bigint[]))
""")  # noqa: S608 (the arrays above)
_CLAIM = text("SELECT * FROM claim_slots(:holder, :ttl, :patience, :most_projects, :at_most)")
_RELEASE = text(f"""
    SELECT release_slots(:holder, {_HELD}, CAST(:epochs AS bigint[]), :is_leaving)
""")
_FENCE = text("SELECT fence_instances()")
_SLEEPING = text("SELECT * FROM sleeping_projects(:after, :at_most)")
_DRAINED = text("SELECT * FROM drained_versions(:at_most)")


class SlotKey(NamedTuple):
    """One of the places in which a process for a version of a project's code may run."""

    project_id: UUID
    hash: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewedRow:
    """A slot that is still held. `generation` and the rest are None if nobody wants it any more.

    `retry_in`: seconds until a process may be started again, after crashes. `yields_to`: who
    should rather have it and has less to do.
    """

    project_id: UUID
    hash: str
    number: int
    epoch: int
    generation: int | None
    state: str | None
    seq: int | None
    told_seq: int | None
    retry_in: float | None
    yields_to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRow:
    """A slot that is held from now on, with an epoch that nobody had before.

    `taken_from`: the other holder whose lease has run out; None where the slot was free.
    """

    tenant: str
    project_id: UUID
    hash: str
    number: int
    epoch: int
    generation: int
    state: str
    seq: int
    told_seq: int | None
    retry_in: float | None
    taken_from: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepingRow:
    """A project whose workers ended for want of work, and its versions that are not drained."""

    tenant: str
    project_id: UUID
    queue: str
    hashes: list[str]


class Slots:
    """The slots of all tenants, as one holder deals with them."""

    def __init__(self, connection: AsyncConnection, holder: str) -> None:
        self._connection = connection
        self._holder = holder

    async def renew(
        self, held: Sequence[tuple[SlotKey, int]], ttl: timedelta, most_projects: int
    ) -> list[RenewedRow]:
        """Those of the held (slot, epoch) that still are; their leases begin anew. Said with
        nothing held, it tells the others that this holder is there."""
        values = {"ttl": ttl, "most_projects": most_projects, **self._of(held)}
        rows = await self._connection.execute(_RENEW, values)
        return [read(RenewedRow, row) for row in rows]

    async def claim(
        self, ttl: timedelta, patience: timedelta, most_projects: int, at_most: int
    ) -> list[ClaimedRow]:
        """Take wanted slots that nobody holds: those that this holder is preferred for, and others
        that have been free for `patience`; no more than `most_projects` projects in all."""
        values = {
            "holder": self._holder,
            "ttl": ttl,
            "patience": patience,
            "most_projects": most_projects,
            "at_most": at_most,
        }
        rows = await self._connection.execute(_CLAIM, values)
        return [read(ClaimedRow, row) for row in rows]

    async def release(self, held: Sequence[tuple[SlotKey, int]], *, is_leaving: bool) -> int:
        """Let others have them at once; how many were still held."""
        values = {"is_leaving": is_leaving, **self._of(held)}
        return int((await self._connection.execute(_RELEASE, values)).scalar_one())

    async def fence_instances(self) -> int:
        """Say of processes that their supervisor has lost their slot; how many there were."""
        return int((await self._connection.execute(_FENCE)).scalar_one())

    async def sleeping(self, after: UUID | None, at_most: int) -> list[SleepingRow]:
        """Sleeping projects behind one, by id."""
        values = {"after": after, "at_most": at_most}
        rows = await self._connection.execute(_SLEEPING, values)
        return [read(SleepingRow, row) for row in rows]

    async def drained(self, at_most: int) -> list[tuple[str, UUID, str]]:
        """Versions that nothing runs on but that Temporal still has: (tenant, project, hash)."""
        rows = await self._connection.execute(_DRAINED, {"at_most": at_most})
        return [(row.tenant, row.project_id, row.hash) for row in rows]

    def _of(self, held: Sequence[tuple[SlotKey, int]]) -> dict[str, Any]:
        return {
            "holder": self._holder,
            "projects": [key.project_id for key, _ in held],
            "hashes": [key.hash for key, _ in held],
            "numbers": [key.number for key, _ in held],
            "epochs": [epoch for _, epoch in held],
        }

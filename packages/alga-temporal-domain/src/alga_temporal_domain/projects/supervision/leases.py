"""Leases of slots: who holds which, until when by this machine's clock, and what is wanted."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.storage.fenced import bounded
from alga_temporal_domain.storage.slots import ClaimedRow, RenewedRow, SlotKey, Slots
from alga_temporal_domain.storage.unit_of_work import DomainStorage

MOST_CLAIMS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of a slot. `generation` None: nothing any more.

    `state`: CURRENT, RAMPING or DRAINING. `is_told`: Temporal knows the activation `seq`.
    `retry_in`: seconds until a process may be started again. `yields_to`: the supervisor that
    should have it instead.
    """

    generation: int | None = None
    state: str | None = None
    seq: int | None = None
    is_told: bool = True
    retry_in: float = 0.0
    yields_to: str | None = None

    @classmethod
    def of(cls, row: RenewedRow | ClaimedRow) -> Wish:
        """What the database said."""
        return cls(
            generation=row.generation,
            state=row.state,
            seq=row.seq,
            is_told=row.told_seq == row.seq,
            retry_in=max(0.0, row.retry_in or 0.0),
            yields_to=row.yields_to if isinstance(row, RenewedRow) else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A slot held by this process in an epoch, until `deadline` of `time.monotonic()`.

    Past it, whoever acts for the slot has to have ended: its lease is over soon after, and the
    next holder waits for nobody. `is_taken_over`: when it was claimed, it was another holder's
    whose lease had run out.
    """

    tenant: str
    key: SlotKey
    epoch: int
    deadline: float
    wish: Wish
    is_taken_over: bool = False


def new_holder() -> str:
    """A name that no other process has, nor a later one with the same id."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


class Leases:
    """The slots of one holder. It remembers nothing: what is held is told at each call."""

    def __init__(
        self, storage: DomainStorage, settings: SupervisionSettings, *, holder: str
    ) -> None:
        self.holder = holder
        self._storage = storage
        self._settings = settings
        self._ttl = timedelta(seconds=settings.ttl)

    async def renew(self, held: Sequence[Grant]) -> list[Grant]:
        """Those that are still held, all by one statement; the others are lost."""
        of = {grant.key: grant for grant in held}
        deadline = self._deadline()
        async with bounded(self._storage, self._settings.patience) as connection:
            rows = await Slots(connection, self.holder).renew(
                [(grant.key, grant.epoch) for grant in held],
                self._ttl,
                self._settings.most_projects,
            )
        return [
            Grant(
                tenant=of[key].tenant,
                key=key,
                epoch=row.epoch,
                deadline=deadline,
                wish=Wish.of(row),
            )
            for row in rows
            for key in (SlotKey(row.project_id, row.hash, row.number),)
        ]

    async def claim(self) -> list[Grant]:
        """Wanted slots that nobody held and that are this holder's now. Processes of lost slots
        are marked as fenced on the way."""
        deadline = self._deadline()
        async with bounded(self._storage, self._settings.patience) as connection:
            slots = Slots(connection, self.holder)
            rows = await slots.claim(
                self._ttl,
                timedelta(seconds=self._settings.tick),
                self._settings.most_projects,
                MOST_CLAIMS,
            )
            await slots.fence_instances()
        return [
            Grant(
                tenant=row.tenant,
                key=SlotKey(row.project_id, row.hash, row.number),
                epoch=row.epoch,
                deadline=deadline,
                wish=Wish.of(row),
                is_taken_over=row.taken_from is not None,
            )
            for row in rows
        ]

    async def release(self, held: Sequence[Grant], *, is_leaving: bool = False) -> None:
        """Let others have them now. `is_leaving`: this holder takes none any more."""
        async with bounded(self._storage, self._settings.patience) as connection:
            await Slots(connection, self.holder).release(
                [(grant.key, grant.epoch) for grant in held], is_leaving=is_leaving
            )

    def _deadline(self) -> float:
        """By the time before the request: the server's lease begins later."""
        return time.monotonic() + self._settings.ttl - self._settings.margin

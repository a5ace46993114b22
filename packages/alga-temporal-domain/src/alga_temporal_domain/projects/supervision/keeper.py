"""Keeps the process of one held slot as it is wanted, until nobody wants it or the slot is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog

from alga_temporal_domain.projects.process.statistics import Stats
from alga_temporal_domain.projects.supervision.children import Child, Ending
from alga_temporal_domain.projects.supervision.leases import Grant
from alga_temporal_domain.projects.supervision.means import Means
from alga_temporal_domain.projects.turns import a_place
from alga_temporal_domain.storage.fenced import HeldSlot, LeaseLostError
from alga_workflows_core.errors import AlgaError, UnavailableError

log = structlog.get_logger()

T = TypeVar("T")

PLACE_SECONDS = 3.0
"""For so long a process that is starting has one of the places for that; if it is not ready then,
others start beside it."""

_AWAY_SECONDS = 1.0
_UNCOUNTED_SECONDS = 5.0
_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class NeverReady:
    """The end of a process that could not be started, or that was too late."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One process, with the id of its row and the generation that it was started for."""

    id: UUID
    child: Child
    generation: int
    ended: asyncio.Task[Ending]
    ready_at: float


class SlotKeeper:
    """Starts at once. `grant` is the slot as it was last renewed; `is_done`: it may be released."""

    def __init__(self, means: Means, grant: Grant) -> None:
        self.grant = grant
        self.is_lost = False
        self._means = means
        self._children: set[Child] = set()
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._is_forgiven = False
        self._retry_at = time.monotonic() + grant.wish.retry_in
        self._telling: asyncio.Task[None] | None = None
        self._alarm = asyncio.get_running_loop().call_at(grant.deadline, self.lose)
        self.busy_at = time.monotonic()
        self.is_ready = False
        self.task = asyncio.create_task(self._keep(), name=f"keep {grant.key}")

    @property
    def is_done(self) -> bool:
        """Whether it has no process any more."""
        return self.task.done()

    def renewed(self, grant: Grant) -> None:
        """The lease goes on, and this is what is wanted now. The children hear it first."""
        if self.is_lost:
            return
        for child in self._children:
            child.renew(grant.deadline)
        self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(grant.deadline, self.lose)
        self.grant = grant
        self._retry_at = time.monotonic() + grant.wish.retry_in
        self._changed.set()

    def lose(self) -> None:
        """The slot is somebody else's, or soon will be: end its processes and do nothing more."""
        if self.is_lost or self.task.done():
            return
        self.is_lost = True
        for child in self._children:
            child.kill()
        self.task.cancel()
        self._means.metrics.lost()
        log.warning(
            "A slot was lost; its process was ended.",
            action="slot.lost",
            project_id=str(self.grant.key.project_id),
            slot=self.grant.key.number,
            epoch=self.grant.epoch,
        )

    def stop(self) -> None:
        """End its process gracefully, and start none any more."""
        self._is_stopping = True
        self._changed.set()

    async def _keep(self) -> None:
        cause = "wanted"
        try:
            while self._is_wanted():
                wait = self._retry_at - time.monotonic()
                if wait > 0:
                    await self._change_within(wait)
                    continue
                instance = await self._begin(cause)
                if instance is not None:
                    await self._serve(instance)
                cause = "crashed"
        except LeaseLostError:
            self.is_lost = True
        finally:
            self.is_ready = False
            self._alarm.cancel()
            if self._telling is not None:
                self._telling.cancel()
            for child in self._children:
                child.kill()
            self._means.metrics.given_up(self.grant.key)

    async def _serve(self, instance: Instance) -> None:
        """Until it has ended, wanted or not. Another generation replaces it while it works."""
        while not instance.ended.done():
            if not self._is_wanted():
                await self._finish(instance)
                return
            self._tell()
            await self._forgive(instance)
            is_old = instance.generation != self.grant.wish.generation
            if is_old and time.monotonic() >= self._retry_at:
                newer = await self._begin("asked")
                if newer is not None:
                    await self._finish(instance)
                    instance = newer
                continue
            await self._change_within(None, instance.ended)
        self.is_ready = False
        await self._has_ended(instance.id, await instance.ended, was_ready=True)

    async def _begin(self, cause: str) -> Instance | None:
        """A process that is ready; None if there is none, which is written down then."""
        grant, instance_id, generation = self.grant, uuid4(), self.grant.wish.generation or 0

        async def add(held: HeldSlot) -> None:
            await held.instances.add(instance_id, generation=generation, host=self._means.host)

        await self._write(add)
        async with a_place(self._means.starts, PLACE_SECONDS):
            try:
                order = await self._means.order(grant)
                child = await self._means.launcher.start(
                    order,
                    broker=self._means.broker_of(grant.tenant, grant.key.project_id),
                    on_stats=lambda stats: self._heard(instance_id, stats),
                    on_line=self._means.lines.listener(grant, instance_id),
                    deadline=self.grant.deadline,
                )
            except UnavailableError as error:
                await self._not_begun(instance_id, str(error))
                return None
            except (ValueError, AlgaError) as error:
                await self._has_ended(
                    instance_id, NeverReady("bad_bundle", str(error)), was_ready=False
                )
                return None
            self._means.metrics.started(cause)
            return await self._ready(child, instance_id, generation)

    async def _ready(self, child: Child, instance_id: UUID, generation: int) -> Instance | None:
        self._children.add(child)
        child.renew(self.grant.deadline)
        ended: asyncio.Task[Ending] = asyncio.create_task(
            _end_of(child), name=f"end of {child.pid}"
        )
        ended.add_done_callback(lambda _task: self._children.discard(child))
        try:
            await self._write(lambda held: held.instances.move(instance_id, "starting", child.pid))
            started = await child.ready(self._means.settings.start_timeout)
        except (AlgaError, TimeoutError) as error:
            if isinstance(error, LeaseLostError):
                raise
            child.kill()
            ending: Ending = await ended
            if isinstance(error, TimeoutError):
                ending = NeverReady(
                    "hung", f"it took no work within {self._means.settings.start_timeout:g} s"
                )
            await self._has_ended(instance_id, ending, was_ready=False)
            return None
        self._means.metrics.code_loaded(started.load_ms)
        await self._write(lambda held: held.instances.move(instance_id, "ready"))
        self.busy_at = time.monotonic()
        self.is_ready = True
        return Instance(
            id=instance_id,
            child=child,
            generation=generation,
            ended=ended,
            ready_at=time.monotonic(),
        )

    async def _finish(self, instance: Instance) -> None:
        """Stop it gracefully and write down its end."""
        if not instance.ended.done():
            instance.child.stop()
            await self._write(lambda held: held.instances.move(instance.id, "draining"))
        await self._has_ended(instance.id, await instance.ended, was_ready=True)

    async def _has_ended(self, instance_id: UUID, ending: Ending, *, was_ready: bool) -> None:
        self._means.statistics.ended(instance_id)
        kind, reason = str(ending.kind), ending.reason[:_LONGEST_REASON]
        self._means.metrics.ended(instance_id, kind)
        if kind in {"wanted", "fenced"}:
            state = "stopped" if kind == "wanted" else "fenced"
            await self._write(lambda held: held.instances.end(instance_id, state, kind, reason))
            return
        if not was_ready and kind != "bad_bundle" and not await self._means.routing.answers():
            await self._not_begun(instance_id, reason)
            return
        if await self._write(lambda held: self._crashed(held, instance_id, kind, reason)):
            self._means.metrics.quarantined()

    async def _crashed(self, held: HeldSlot, instance_id: UUID, kind: str, reason: str) -> bool:
        """Its row, and what the version's next start has to wait for; whether there is none."""
        project_id, bundle_hash, _ = self.grant.key
        restarts = self._means.restarts
        state, delay = "crashed", None
        if kind == "bad_bundle":
            is_enough, why = True, reason
        else:
            crashes, recent = await held.versions.crashed(
                project_id, bundle_hash, reason, restarts.window
            )
            is_enough = restarts.is_loop(recent)
            why = f"{recent} crashes in {restarts.window}; the last: {reason}"
            delay = restarts.delay(crashes)
        if is_enough:
            state = "quarantined"
            await held.versions.quarantine(project_id, bundle_hash, why)
            self._is_stopping = True
        elif delay is not None:
            await held.versions.retry(project_id, bundle_hash, delay)
            self._retry_at = time.monotonic() + delay.total_seconds()
        await held.instances.end(instance_id, state, kind, reason)
        log.warning(
            "A project's process has crashed.",
            action="instance.crashed",
            project_id=str(project_id),
            state=state,
            kind=kind,
            reason=reason,
            retry_in_s=None if delay is None or is_enough else delay.total_seconds(),
        )
        return is_enough

    async def _not_begun(self, instance_id: UUID, reason: str) -> None:
        """For want of something that is not the project's: not counted against it."""
        self._retry_at = time.monotonic() + _UNCOUNTED_SECONDS
        await self._write(
            lambda held: held.instances.end(instance_id, "crashed", "unavailable", reason)
        )
        self._retry_at = time.monotonic() + _UNCOUNTED_SECONDS

    async def _forgive(self, instance: Instance) -> None:
        """Forget the crashes of a version whose process has worked for long enough."""
        if self._is_forgiven or (
            time.monotonic() - instance.ready_at < self._means.restarts.backoff.reset_after
        ):
            return
        self._is_forgiven = True
        project_id, bundle_hash, _ = self.grant.key
        await self._write(lambda held: held.versions.forgive(project_id, bundle_hash))

    def _tell(self) -> None:
        """Have Temporal know the activation, now that there is a process for it."""
        wish = self.grant.wish
        is_under_way = self._telling is not None and not self._telling.done()
        if wish.is_told or is_under_way or self.grant.key.number > 0:
            return
        if wish.state in {"CURRENT", "RAMPING"}:
            self._telling = asyncio.create_task(self._told(), name=f"tell {self.grant.key}")

    async def _told(self) -> None:
        try:
            await self._means.routing.tell(self.grant.tenant, self.grant.key.project_id)
        except AlgaError as error:
            # At the next renewal it is tried again.
            log.warning(
                f"Temporal could not be told of an activation: {error}",
                action="activation.not_told",
                project_id=str(self.grant.key.project_id),
            )

    def _heard(self, instance_id: UUID, stats: Stats) -> None:
        if stats.running_activities or stats.activities or stats.workflows:
            self.busy_at = time.monotonic()
        self._means.statistics.take(self.grant, instance_id, stats)
        if not self.is_lost:
            self._means.metrics.heard(self.grant.key, instance_id, stats)

    def _is_wanted(self) -> bool:
        return not self._is_stopping and self.grant.wish.generation is not None

    async def _change_within(
        self, seconds: float | None, ended: asyncio.Task[Ending] | None = None
    ) -> None:
        """Wait for another wish, a renewal, or the end of a process; no longer than `seconds`."""
        change = asyncio.create_task(self._changed.wait())
        try:
            awaited: set[asyncio.Task[Any]] = {change, ended} if ended else {change}
            await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        self._changed.clear()

    async def _write(self, change: Callable[[HeldSlot], Awaitable[T]]) -> T:
        """Change rows as the slot's holder, as soon as PostgreSQL answers. LeaseLostError when
        it is the holder no more."""
        while True:
            if time.monotonic() >= self.grant.deadline:
                self.lose()
            try:
                async with self._means.fenced(self.grant) as held:
                    return await change(held)
            except UnavailableError:
                await asyncio.sleep(_AWAY_SECONDS)


async def _end_of(child: Child) -> Ending:
    return await child.ended()

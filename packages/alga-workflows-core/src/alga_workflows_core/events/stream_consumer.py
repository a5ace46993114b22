"""Take events from a stream that several processes share: none lost, none taken twice.

A message is acknowledged after its event, or the message itself as a parked one, was committed.
What comes again because that was not done in time is a duplicate for the inbox.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.events.stream_messages import (
    Spoken,
    StreamPolicy,
    Unfit,
    read_message,
)
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.streams import BEGINNING, Fields, Stream, StreamMessage
from alga_workflows_core.infra.supervisor import Backoff, happens_within
from alga_workflows_core.storage.parked_messages import NewParkedMessage
from alga_workflows_core.storage.unit_of_work import Due, Storage

log = structlog.get_logger()

LOOK_EVERY = 5.0
"""Seconds between two looks at how far the group is, and at who is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A message and what it says."""

    id: str
    fields: Fields
    said: Spoken | Unfit


class StreamConsumer:
    """A service that reads new messages, and takes over what others have left for `claim_after`.

    Names of consumers that have nothing and did nothing for `forget_after` are removed.
    """

    name = "stream"

    def __init__(
        self,
        *,
        stream: Stream,
        storage: Storage,
        policy: StreamPolicy,
        metrics: Metrics,
        claim_after: timedelta,
        forget_after: timedelta,
        backoff: Backoff | None = None,
    ) -> None:
        self._stream = stream
        self._storage = storage
        self._policy = policy
        self._metrics = metrics
        self._claim_after = claim_after
        self._forget_after = forget_after
        self._backoff = backoff or Backoff(first=0.5, longest=10.0)
        self._stopping = asyncio.Event()
        self._cursor = BEGINNING
        self._claim_at = 0.0
        self._look_at = 0.0

    async def run(self, ready: Callable[[], None]) -> None:
        """See `Service`. Ready at once: the process can serve while the stream is away."""
        ready()
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._stream.join()
                self._metrics.dependency("redis", True)
                failures = 0
                await self._consume()
                await self._stream.leave()
            except UnavailableError as error:
                failures += 1
                delay = self._backoff.delay(failures)
                self._metrics.dependency("redis", False)
                log.warning(
                    "The stream cannot be read; it will be tried again.",
                    action="stream.unavailable",
                    stream=self._stream.name,
                    error=error.message,
                    retry_in_s=delay,
                )
                await happens_within(self._stopping, delay)
        await self._stream.close()

    async def stop(self) -> None:
        """See `Service`. A batch that was read is finished."""
        self._stopping.set()

    async def _consume(self) -> None:
        await self._take_own()
        while not self._stopping.is_set():
            more = await self._take_over()
            await self._look()
            await self._take(await self._stream.read_new(wait=not more))

    async def _take_own(self) -> None:
        """What we have read and not acknowledged, because an answer was lost on its way."""
        after = BEGINNING
        while not self._stopping.is_set():
            messages = await self._stream.read_own(after)
            if not messages:
                return
            await self._take(messages)
            after = messages[-1].id

    async def _take_over(self) -> bool:
        """A batch of what others have left lying; whether there is more to look at."""
        now = time.monotonic()
        if self._cursor == BEGINNING and now < self._claim_at:
            return False
        claimed = await self._stream.claim(self._cursor, self._claim_after)
        self._cursor = claimed.cursor
        self._claim_at = now + self._claim_after.total_seconds() / 4
        await self._take(claimed.messages)
        return self._cursor != BEGINNING

    async def _look(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        gone = await self._stream.forget_others(self._forget_after)
        if gone:
            log.info(
                f"Forgot {len(gone)} consumers that are gone.",
                action="stream.consumers_forgotten",
                stream=self._stream.name,
                consumers=list(gone),
            )
        self._metrics.stream_state(self._stream.name, await self._stream.state())

    async def _take(self, messages: Sequence[StreamMessage]) -> None:
        """Store what messages say and acknowledge them; while the database is away, wait.

        When it is asked to stop meanwhile, they stay as they are, for whoever comes next.
        """
        failures = 0
        while messages:
            try:
                await self._stream.acknowledge(await self._stored(messages))
            except UnavailableError as error:
                if error.dependency != "PostgreSQL":
                    raise
                failures += 1
                delay = self._backoff.delay(failures)
                log.warning(
                    f"{len(messages)} messages cannot be stored; it will be tried again.",
                    action="stream.store_failed",
                    stream=self._stream.name,
                    error=error.message,
                    retry_in_s=delay,
                )
                if await happens_within(self._stopping, delay):
                    return
            else:
                return

    async def _stored(self, messages: Sequence[StreamMessage]) -> list[str]:
        """The ids of those that are done with."""
        # What was removed from the stream before it was read is lost, whatever is done here.
        lost = [message.id for message in messages if message.fields is None]
        if lost:
            self._metrics.stream_messages("lost", len(lost))
            log.error(
                f"{len(lost)} messages were removed from the stream before they were read.",
                action="stream.messages_lost",
                stream=self._stream.name,
                messages=lost[:10],
            )
        read = await asyncio.to_thread(self._read, messages)
        spoken = [each for each in read if isinstance(each.said, Spoken)]
        done = await self._stage(spoken)
        for each in read:
            if isinstance(each.said, Unfit) and await self._park(each, each.said):
                done.append(each.id)
        return [*lost, *done]

    def _read(self, messages: Sequence[StreamMessage]) -> list[_Read]:
        return [
            _Read(
                id=message.id,
                fields=message.fields,
                said=read_message(self._stream.name, message.id, message.fields, self._policy),
            )
            for message in messages
            if message.fields is not None
        ]

    async def _stage(self, read: Sequence[_Read]) -> list[str]:
        """All in one transaction; one by one if that fails, because of one of them."""
        if not read:
            return []
        try:
            await self._stage_together(read)
        except UnavailableError:
            raise
        except Exception as error:
            # Whatever it is, one message is to blame, and must not hold up the others.
            log.exception(
                f"{len(read)} messages could not be stored as events.",
                action="stream.stage_failed",
                stream=self._stream.name,
                messages=[each.id for each in read[:10]],
            )
            if len(read) > 1:
                return [done for each in read for done in await self._stage([each])]
            return await self._refused(read[0], type(error).__name__)
        return [each.id for each in read]

    async def _stage_together(self, read: Sequence[_Read]) -> None:
        said = [each.said for each in read if isinstance(each.said, Spoken)]
        events = [(each.tenant, each.event) for each in said]
        staged = await self._storage.across.stage_events(events)
        new = sum(staged)
        self._metrics.stream_messages("staged", new)
        self._metrics.stream_messages("duplicate", len(staged) - new)
        if new:
            self._storage.announce(Due.EVENTS)

    async def _refused(self, each: _Read, error: str) -> list[str]:
        unfit = Unfit(each.said.tenant, "NOT_STORED", f"It could not be stored: {error}.")
        return [each.id] if await self._park(each, unfit) else []

    async def _park(self, each: _Read, unfit: Unfit) -> bool:
        """Keep a message whole; whether that is done. One that cannot be kept stays pending."""
        try:
            async with self._storage.unit_of_work(unfit.tenant) as work:
                await work.parked_messages.park(
                    NewParkedMessage(
                        stream=self._stream.name,
                        message_id=each.id,
                        fields=each.fields,
                        code=unfit.code,
                        reason=unfit.reason,
                    )
                )
        except UnavailableError:
            raise
        except Exception:
            # See `_stage`.
            self._metrics.stream_messages("stuck", 1)
            log.exception(
                "A message could not be parked; it stays pending.",
                action="stream.park_failed",
                stream=self._stream.name,
                message=each.id,
            )
            return False
        self._metrics.stream_messages("parked", 1)
        log.warning(
            f"A message was parked: {unfit.reason}",
            action="stream.message_parked",
            stream=self._stream.name,
            message=each.id,
            tenant=unfit.tenant,
            code=unfit.code,
        )
        return True

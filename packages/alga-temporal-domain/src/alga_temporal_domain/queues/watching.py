"""Whether the server sees this process poll a queue."""

from __future__ import annotations

import time
from datetime import datetime

from temporalio.client import Client
from temporalio.service import RPCError

from alga_temporal_domain.queues.pollers import Poller, pollers
from alga_workflows_core.errors import UnavailableError

_LOOK_EVERY = 3.0
_REMEDY = "See this process's log; the worker tries again of itself."


class PollWatch:
    """Asks the server for the polls of one worker, which is known by its identity.

    A long poll lasts a minute, so the last poll is young if `longest_silence` seconds (more than
    that) have not passed. Ages are measured by this process's clock from when a newer poll was
    first seen: the server's clock may differ.
    """

    def __init__(self, client: Client, queue: str, *, longest_silence: float) -> None:
        self.queue = queue
        self._client = client
        self._longest = longest_silence
        self._identity: str | None = None
        self._last_poll: datetime | None = None
        self._seen_at = 0.0
        self._looked_at: float | None = None
        self._is_polled = False
        self._excused_at = time.monotonic()

    @property
    def identity(self) -> str | None:
        """Of the worker that is watched; None before there is one."""
        return self._identity

    @property
    def last_poll(self) -> datetime | None:
        """The worker's latest poll, by the server's clock; None before it was seen."""
        return self._last_poll

    def begin(self, identity: str) -> None:
        """Watch a worker that polls from now on, in place of an earlier one."""
        self._identity, self._last_poll, self._looked_at = identity, None, None
        self._excused_at = time.monotonic()

    async def look(self) -> bool:
        """Ask the server now; whether it lists the worker and its last poll is young. RPCError."""
        try:
            mine = [each for each in await self._pollers() if each.identity == self._identity]
        except RPCError:
            # Whoever cannot be asked is no sign of a worker that hangs.
            self._excused_at = time.monotonic()
            raise
        now = self._looked_at = time.monotonic()
        latest = max((each.last_poll for each in mine), default=None)
        if latest is not None and (self._last_poll is None or latest > self._last_poll):
            self._last_poll, self._seen_at = latest, now
        is_young = latest is not None and now - self._seen_at <= self._longest
        if is_young:
            self._excused_at = now
        self._is_polled = is_young
        return is_young

    async def probe(self) -> None:
        """Return if the worker polls; UnavailableError if it does not, RPCError without a server.

        To be called often: what was seen a moment ago counts.
        """
        is_known = self._looked_at is not None and time.monotonic() - self._looked_at < _LOOK_EVERY
        if not (is_known and self._is_polled) and not await self.look():
            last = "never" if self._last_poll is None else self._last_poll.isoformat()
            raise UnavailableError(
                "The queue",
                self.queue,
                f"the server has no young poll of this process (the last: {last})",
                remedy=_REMEDY,
            )

    def is_alive(self) -> bool:
        """False if the server has answered for `longest_silence` seconds, and always without a
        young poll of the worker's: another process would do better."""
        return time.monotonic() - self._excused_at <= self._longest

    async def _pollers(self) -> list[Poller]:
        return await pollers(self._client, self.queue)

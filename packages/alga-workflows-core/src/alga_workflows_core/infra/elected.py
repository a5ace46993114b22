"""Work that one process of all does at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.supervisor import DEFAULT_BACKOFF, Backoff, happens_within

log = structlog.get_logger()

BEAT_SECONDS = 1.0
_ANSWER_SECONDS = 5.0

_ELECT = text("SELECT pg_try_advisory_lock(:lock)")
_BEAT = text("SELECT 1")


class LostElectionError(AlgaError):
    """The connection that this process was elected on is gone."""

    code = "ELECTION_LOST"


class ElectedService:
    """Calls `work` at once when this process is elected and every `interval` seconds after that,
    for as long as it is elected.

    Who is elected holds an advisory lock named `task` in a session of its own, and looks each
    second whether the session is there; without it the work under way is cancelled. Another process
    takes over as soon as the server has seen the session end. `work` has to be such that starting
    again is harmless. What it raises is logged, kept for `probe`, and it is called again after a
    growing wait.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        *,
        task: str,
        work: Callable[[], Awaitable[None]],
        interval: float,
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        self.name = name
        self._database = database
        self._lock = _lock(task)
        self._work = work
        self._interval = interval
        self._backoff = backoff
        self._stopping = asyncio.Event()
        self._is_elected = False
        self._failure: Exception | None = None

    @property
    def is_elected(self) -> bool:
        """Whether this process is the one."""
        return self._is_elected

    async def probe(self) -> None:
        """Raise what the last round raised, if it was this process's; fits a health check."""
        if self._failure is not None:
            raise self._failure

    async def run(self, ready: Callable[[], None]) -> None:
        """Stand for election until stopped. Ready at once: another process may have it for long."""
        ready()
        while not self._stopping.is_set():
            try:
                async with self._database.session() as connection:
                    # A lock of the session; an open transaction would hold back the server.
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await self._stand(connection)
            except (SQLAlchemyError, OSError, LostElectionError) as error:
                log.debug(f"No election without a session: {error}", action="election.no_session")
            await happens_within(self._stopping, BEAT_SECONDS)

    async def stop(self) -> None:
        """End `run`; work under way is cancelled, and another process is elected."""
        self._stopping.set()

    async def _stand(self, connection: AsyncConnection) -> None:
        while not self._stopping.is_set():
            if (await connection.execute(_ELECT, {"lock": self._lock})).scalar_one():
                await self._lead(connection)
            await happens_within(self._stopping, BEAT_SECONDS)

    async def _lead(self, connection: AsyncConnection) -> None:
        log.info(f"This process is elected for {self.name}", action="election.won", name=self.name)
        self._is_elected = True
        working = asyncio.create_task(self._keep_working(), name=self.name)
        try:
            while not await happens_within(self._stopping, BEAT_SECONDS):
                await self._beat(connection)
        finally:
            self._is_elected = False
            self._failure = None
            working.cancel()
            await asyncio.wait({working})
            log.info(
                f"This process is not elected for {self.name} any more",
                action="election.lost",
                name=self.name,
            )

    async def _beat(self, connection: AsyncConnection) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await connection.execute(_BEAT)
        except TimeoutError as error:
            raise LostElectionError("The session does not answer.") from error

    async def _keep_working(self) -> None:
        failures = 0
        while True:
            try:
                await self._work()
            except Exception as error:
                # The boundary: one bad round must not end the loop.
                failures += 1
                self._failure = error
                wait = self._backoff.delay(failures)
                log.exception(
                    "A round of elected work failed and will be repeated.",
                    action="election.round_failed",
                    name=self.name,
                    failures=failures,
                    retry_in_s=wait,
                )
            else:
                failures, wait = 0, self._interval
                self._failure = None
            await asyncio.sleep(wait)


def _lock(task: str) -> int:
    """The number of the lock: the first 8 bytes of the name's sha256."""
    return int.from_bytes(hashlib.sha256(task.encode()).digest()[:8], "big", signed=True)

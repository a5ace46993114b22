"""Where results of jobs go: small ones into Temporal's history, large ones into a row."""

from __future__ import annotations

import asyncio

import structlog

from alga_temporal_domain.jobs.contracts import INLINE_RESULT_BYTES, JobOutcome
from alga_temporal_domain.storage.jobs import JobRef
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.types.json import Json

log = structlog.get_logger()

FITS_IN_HISTORY_BYTES = 1024 * 1024
"""A result that Temporal takes if it has to: its limit is 2 MiB, and encryption adds a third."""

_TRIES = 3
_WRITE_SECONDS = 10.0
_LONGEST_WAIT = 15.0


class Results:
    """Keeps results."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage

    async def outcome(self, ref: JobRef, result: Json, size: int) -> JobOutcome:
        """What the activity is to answer for a result of `size` bytes.

        While PostgreSQL is away a large one goes into history if it fits there; a still larger one
        waits, until the attempt's time is over: there is no third place for it.
        """
        if size <= INLINE_RESULT_BYTES:
            return JobOutcome(result=result)
        tries = 0
        while True:
            tries += 1
            if await self._is_kept(ref, result, size):
                return JobOutcome(stored=True)
            if tries >= _TRIES and size <= FITS_IN_HISTORY_BYTES:
                return JobOutcome(result=result)
            await asyncio.sleep(min(_LONGEST_WAIT, 0.5 * 2 ** min(tries, 10)))

    async def _is_kept(self, ref: JobRef, result: Json, size: int) -> bool:
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                async with self._storage.unit_of_work(ref.tenant) as work:
                    await work.jobs.keep_result(ref.id, result, size)
        except (UnavailableError, TimeoutError) as error:
            log.warning(
                f"The result of a job waits for PostgreSQL: {error}",
                action="job.result_waits",
                job_id=str(ref.id),
                bytes=size,
            )
            return False
        return True

"""How hosts answer later: one-time tokens, of which only hashes are kept."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.jobs.bookkeeping import AttemptEnded, Bookkeeping, Told, shown
from alga_temporal_domain.jobs.contracts import MOST_RESULT_BYTES, JobOutcome, Progress
from alga_temporal_domain.jobs.outages import temporal_outage
from alga_temporal_domain.jobs.results import Results
from alga_temporal_domain.storage.job_hosts import CallbackRow, tenant_of_callback
from alga_temporal_domain.storage.jobs import JobRef
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import ConflictError, NotFoundError, TooLargeError
from alga_workflows_core.types.json import Json

log = structlog.get_logger()

CALLBACK_PATH = "/v1/jobs/callbacks/"
HOST_FAILURE = "JobHostFailure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The host has done the job."""

    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The host could not. `retryable`: another attempt may."""

    message: str
    type: str
    retryable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`state`: what became of the answer. `cancelled`: nobody wants the job done any more."""

    state: Literal["accepted", "progress"]
    duplicate: bool = False
    cancelled: bool = False


class Callbacks:
    """Gives out tokens and takes answers for them. `public_url`: where hosts reach this service,
    without a slash at its end; None: they know."""

    def __init__(
        self,
        *,
        storage: DomainStorage,
        client: Client,
        address: str,
        results: Results,
        bookkeeping: Bookkeeping,
        public_url: str | None,
    ) -> None:
        self._storage = storage
        self._client = client
        self._address = address
        self._results = results
        self._bookkeeping = bookkeeping
        self._public_url = public_url or ""

    async def offer(
        self, ref: JobRef, *, attempt: int, task_token: bytes, lifetime: timedelta
    ) -> dict[str, str]:
        """`url` and `token` of a callback for one attempt."""
        token = secrets.token_urlsafe(32)
        async with self._storage.unit_of_work(ref.tenant) as work:
            await work.jobs.ensure(ref)
            await work.job_hosts.add_callback(
                _hash(token),
                job_id=ref.id,
                name=ref.name,
                attempt=attempt,
                task_token=task_token,
                lifetime=lifetime,
            )
        return {"url": f"{self._public_url}{CALLBACK_PATH}{token}", "token": token}

    async def finish(self, token: str, answer: Completed | Failed) -> Taken:
        """Take the host's last word.

        The same answer again is a duplicate. ConflictError `CALLBACK_USED` for another one, and
        `CALLBACK_TOO_LATE` if the job no longer waits; NotFoundError for an unknown token.
        """
        tenant, row = await self._row(token)
        token_hash, answer_hash = _hash(token), _answer_hash(answer)
        if row.answer_hash is None and not row.is_expired:
            async with self._storage.unit_of_work(tenant) as work:
                await work.job_hosts.answer(token_hash, answer_hash)
            tenant, row = await self._row(token)
        if row.answer_hash is not None and row.answer_hash != answer_hash:
            raise ConflictError(
                "The host has already answered, and differently.",
                code="CALLBACK_USED",
                remedy="The first answer counts.",
            )
        if row.accepted_at is not None:
            return Taken(state="accepted", duplicate=True)
        ref = await self._ref(tenant, row)
        await self._tell(ref, row, answer)
        async with self._storage.unit_of_work(tenant) as work:
            await work.job_hosts.accepted(token_hash)
        error = None if isinstance(answer, Completed) else f"{answer.type}: {answer.message}"
        ended = AttemptEnded(ref=ref, attempt=row.attempt, at=datetime.now(UTC), error=shown(error))
        self._bookkeeping.note(ended)
        return Taken(state="accepted")

    async def progress(self, token: str, progress: Progress) -> Taken:
        """A sign of life; the answer says whether the job is still wanted."""
        tenant, row = await self._row(token)
        if row.answer_hash is not None:
            raise ConflictError(
                "The host has already answered.", code="CALLBACK_USED", remedy="Nothing is left."
            )
        handle = self._handle(row)
        try:
            with temporal_outage(self._address):
                await handle.heartbeat(progress)
        except AsyncActivityCancelledError:
            return Taken(state="progress", cancelled=True)
        except RPCError as error:
            raise _refusal(error) from error
        ref = await self._ref(tenant, row)
        self._bookkeeping.note(Told(ref=ref, attempt=row.attempt, progress=progress))
        return Taken(state="progress")

    async def _row(self, token: str) -> tuple[str, CallbackRow]:
        async with self._storage.transaction() as connection:
            tenant = await tenant_of_callback(connection, _hash(token))
        if tenant is not None:
            async with self._storage.unit_of_work(tenant) as work:
                row = await work.job_hosts.callback(_hash(token))
            if row is not None:
                return tenant, row
        raise NotFoundError(
            "There is no such callback.",
            code="CALLBACK_UNKNOWN",
            remedy="Use the address that came with the job.",
        )

    async def _ref(self, tenant: str, row: CallbackRow) -> JobRef:
        async with self._storage.unit_of_work(tenant) as work:
            job = await work.jobs.get(row.job_id)
        if job is None:
            raise NotFoundError("The job of this callback is no longer kept.")
        return JobRef(
            tenant=tenant,
            id=job.id,
            name=job.name,
            workflow_id=job.workflow_id,
            run_id=job.run_id,
            created_at=job.created_at,
        )

    async def _tell(self, ref: JobRef, row: CallbackRow, answer: Completed | Failed) -> None:
        handle = self._handle(row)
        try:
            with temporal_outage(self._address):
                if isinstance(answer, Completed):
                    await handle.complete(await self._outcome(ref, answer.result))
                else:
                    failure = ApplicationError(
                        answer.message, type=answer.type, non_retryable=not answer.retryable
                    )
                    await handle.fail(failure)
        except RPCError as error:
            raise _refusal(error) from error

    async def _outcome(self, ref: JobRef, result: Json) -> JobOutcome:
        size = len(json.dumps(result).encode())
        if size > MOST_RESULT_BYTES:
            raise TooLargeError(f"A result has {MOST_RESULT_BYTES} bytes at most.")
        return await self._results.outcome(ref, result, size)

    def _handle(self, row: CallbackRow) -> AsyncActivityHandle:
        return self._client.get_async_activity_handle(task_token=row.task_token)


def _refusal(error: RPCError) -> Exception:
    if error.status is not RPCStatusCode.NOT_FOUND:
        return error
    return ConflictError(
        "The job no longer waits for this answer: its attempt has ended.",
        code="CALLBACK_TOO_LATE",
        remedy="GET the job to see what became of it.",
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _answer_hash(answer: Completed | Failed) -> str:
    if isinstance(answer, Completed):
        said: object = ["complete", answer.result]
    else:
        said = ["fail", answer.type, answer.message, answer.retryable]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

"""Attempts that a host performs: a signed POST, answered now or later."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, NoReturn

import httpx
import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.jobs.callbacks import Callbacks
from alga_temporal_domain.jobs.contracts import MOST_RESULT_BYTES, HttpTransport, JobCall
from alga_temporal_domain.jobs.signing import SigningKeyError, signed_headers, signing_key
from alga_temporal_domain.storage.jobs import JobRef
from alga_workflows_core.errors import AlgaError, UnavailableError
from alga_workflows_core.infra.egress.backend import AddressRefusedError, ResolutionError
from alga_workflows_core.infra.secrets.port import SecretProvider
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.strict_json import loads

log = structlog.get_logger()

HOST_FAILED = "JobHostFailed"
HOST_REFUSED = "JobHostRefused"
HOST_UNREACHABLE = "JobHostUnreachable"
HOST_TIMEOUT = "JobHostTimeout"
HOST_ANSWER_INVALID = "JobHostAnswerInvalid"
ADDRESS_REFUSED = "JobAddressRefused"
SECRET_UNAVAILABLE = "JobSecretUnavailable"  # noqa: S105 - the type of an error

_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
_LONGEST_RETRY_AFTER = 3600.0
_STORE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A host's result and its size in bytes."""

    value: Json
    size: int


class HostedJobs:
    """Asks hosts. `http` goes only where the egress policy allows."""

    def __init__(
        self, *, http: httpx.AsyncClient, secrets: SecretProvider, callbacks: Callbacks
    ) -> None:
        self._http = http
        self._secrets = secrets
        self._callbacks = callbacks

    async def ask(
        self, call: JobCall, transport: HttpTransport, ref: JobRef, attempt: int
    ) -> Answer | None:
        """The host's answer; None if it will answer by its callback. Everything else is raised, as
        an ApplicationError that says whether another attempt may help."""
        key = await self._key(transport, ref.tenant)
        callback = await self._callback(call, ref, attempt)
        body = json.dumps(
            {
                "job": ref.name,
                "jobId": call.job_id,
                "tenant": ref.tenant,
                "attempt": attempt,
                "input": call.data,
                "callback": callback,
            }
        ).encode()
        headers = signed_headers(key, f"job_{call.job_id}", int(time.time()), body)
        try:
            async with asyncio.timeout(transport.request_timeout):
                response, content = await self._send(transport.url, body, headers)
        except TimeoutError:
            _fail(HOST_TIMEOUT, f"has not answered within {transport.request_timeout:g} s")
        except AddressRefusedError as error:
            _fail(ADDRESS_REFUSED, f"must not be reached: {error}", is_final=True)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            _fail(ADDRESS_REFUSED, f"has no usable address: {error}", is_final=True)
        except httpx.TimeoutException:
            _fail(HOST_TIMEOUT, "has not answered in time")
        except (httpx.TransportError, ResolutionError) as error:
            _fail(HOST_UNREACHABLE, f"cannot be reached: {error or type(error).__name__}")
        return _read(response, content, can_be_later=callback is not None)

    async def _send(
        self, url: str, body: bytes, headers: dict[str, str]
    ) -> tuple[httpx.Response, bytes]:
        json_type = {"content-type": "application/json", "accept": "application/json"}
        async with self._http.stream(
            "POST", url, content=body, headers={**json_type, **headers}, timeout=None
        ) as response:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MOST_RESULT_BYTES:
                    _fail(
                        HOST_ANSWER_INVALID,
                        f"has answered with more than {MOST_RESULT_BYTES} bytes",
                        is_final=True,
                    )
            return response, bytes(content)

    async def _key(self, transport: HttpTransport, tenant: str) -> bytes:
        try:
            secret = await self._secrets.open(transport.secret_tenant or tenant, transport.secret)
            return signing_key(transport.secret, secret)
        except (AlgaError, SigningKeyError) as error:
            # An administrator may set it while the job is still being tried.
            raise ApplicationError(str(error), type=SECRET_UNAVAILABLE) from None

    async def _callback(self, call: JobCall, ref: JobRef, attempt: int) -> dict[str, str] | None:
        """Where the host may answer later; nowhere while PostgreSQL is away."""
        lifetime = activity.info().start_to_close_timeout or timedelta(seconds=call.timeout)
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                return await self._callbacks.offer(
                    ref, attempt=attempt, task_token=activity.info().task_token, lifetime=lifetime
                )
        except (UnavailableError, TimeoutError) as error:
            log.warning(
                f"A host has to answer at once, since its callback cannot be kept: {error}",
                action="job.no_callback",
                job_id=call.job_id,
            )
            return None


def _read(response: httpx.Response, content: bytes, *, can_be_later: bool) -> Answer | None:
    status = response.status_code
    if status == HTTPStatus.ACCEPTED:
        if can_be_later:
            return None
        _fail(HOST_ANSWER_INVALID, "wants to answer later, and was given no callback")
    if status == HTTPStatus.NO_CONTENT:
        return Answer(value=None, size=4)
    if response.is_success:
        return _answer(content)
    is_passing = status in _PASSING or response.is_server_error
    return _fail(
        HOST_FAILED if is_passing else HOST_REFUSED,
        f"has answered {status}",
        is_final=not is_passing,
        retry_after=_retry_after(response) if is_passing else None,
    )


def _answer(content: bytes) -> Answer:
    if not content.strip():
        return Answer(value=None, size=4)
    try:
        return Answer(value=loads(content), size=len(content))
    except AlgaError as error:
        raise ApplicationError(
            f"The host's answer is no JSON: {error.message}",
            type=HOST_ANSWER_INVALID,
            non_retryable=True,
        ) from None


def _retry_after(response: httpx.Response) -> timedelta | None:
    """Only in seconds: a date would be by the host's clock."""
    text: Any = response.headers.get("retry-after", "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return timedelta(seconds=min(float(text), _LONGEST_RETRY_AFTER))


def _fail(
    kind: str, what: str, *, is_final: bool = False, retry_after: timedelta | None = None
) -> NoReturn:
    raise ApplicationError(
        f"The host {what}.", type=kind, non_retryable=is_final, next_retry_delay=retry_after
    )

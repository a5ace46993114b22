"""What can go wrong with an HTTP request, as action errors.

    HTTP_ADDRESS_REFUSED  the host is not at an address that may be reached
    HTTP_DNS              the host name could not be resolved
    HTTP_CONNECT          no connection, or it broke
    HTTP_TLS              the server's certificate or its TLS is not acceptable
    HTTP_TIMEOUT          not finished in time
    HTTP_PROTOCOL         the answer is not HTTP, is cut short or cannot be decoded
    HTTP_TOO_LARGE        the body is over the limit
    HTTP_REDIRECTS        a redirect that may not be followed
    HTTP_STATUS           an answer with a status that does not count as success

Messages name the method and the origin only: paths, queries and headers may hold secrets.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from alga_workflows_core.actions.builtin.http_content import (
    UnreadableBodyError,
    as_text,
    read_body,
)
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.errors import Category
from alga_workflows_core.infra.egress.backend import AddressRefusedError, ResolutionError

MAX_RETRY_AFTER = 3600.0
"""Seconds; a server that asks for more is tried again after this long."""

_EXCERPT_BYTES = 2048
# Nothing was done: the request came too slowly, too early or too often.
_RETRYABLE_STATUS = frozenset({408, 425, 429})


@contextmanager
def failures_of(request: str) -> Generator[None]:
    """Turns what the client raises inside into ActionError. `request`: method and origin."""
    try:
        yield
    except AddressRefusedError as error:
        raise ActionError(
            "HTTP_ADDRESS_REFUSED",
            f"{request} was refused: {error.message}",
            category=Category.VALIDATION,
            remedy=error.remedy,
        ) from error
    except ResolutionError as error:
        raise _transient("HTTP_DNS", request, error.message) from error
    except UnreadableBodyError as error:
        raise ActionError("HTTP_PROTOCOL", f"{request}: {error.message}.") from error
    except httpx.TimeoutException as error:
        raise timed_out(request) from error
    except httpx.NetworkError as error:
        raise _network_failure(request, error) from error
    except httpx.RemoteProtocolError as error:
        reason = "the answer is not HTTP, or was cut short."
        raise _transient("HTTP_PROTOCOL", request, reason) from error
    except httpx.HTTPError:
        # Without its cause, which may quote a header.
        reason = "the request cannot be expressed in HTTP."
        raise ActionError("HTTP_PROTOCOL", f"{request}: {reason}") from None


def timed_out(request: str) -> ActionError:
    """The request did not finish in its time."""
    return ActionError(
        "HTTP_TIMEOUT",
        f"{request} did not finish in time.",
        category=Category.TIMEOUT,
        retryable=True,
        remedy="Raise `timeout` (seconds, at most 60) if the server is known to be slow.",
    )


def uncertain(error: ActionError) -> ActionError:
    """`error` of a request that may have taken effect, and must not be sent again blindly."""
    return ActionError(
        error.error_code,
        f"{error.message} The request may have taken effect.",
        category=error.category,
        details=error.details,
        remedy="Look at the service before it is sent again. If the service honours the header"
        " Idempotency-Key, give the step an `idempotencyKey`: then it is sent again by itself.",
        unknown=True,
    )


def too_large(request: str, limit: int) -> ActionError:
    """The body of the answer has more than `limit` bytes."""
    return ActionError(
        "HTTP_TOO_LARGE",
        f"{request}: the answer's body is over the limit of {limit} bytes.",
        category=Category.LIMIT,
        details={"limit": limit},
        remedy="Ask the service for less, in pages for instance.",
    )


def bad_redirect(request: str, status: int, reason: str, remedy: str) -> ActionError:
    """The answer is a redirect that is not followed."""
    return ActionError(
        "HTTP_REDIRECTS",
        f"{request} answered with redirect {status}, {reason}.",
        details={"status": status},
        remedy=remedy,
    )


async def bad_status(request: str, response: httpx.Response, *, repeatable: bool) -> ActionError:
    """The answer does not count as success; reads up to 2 KiB of its body for the details.

    A server that fails (5xx) is asked again only if the request is `repeatable`.
    """
    status = response.status_code
    retryable = status in _RETRYABLE_STATUS or (status >= 500 and repeatable)
    try:
        excerpt = (await read_body(response, limit=_EXCERPT_BYTES)).content
    except (UnreadableBodyError, httpx.HTTPError):
        # The status says enough; how the rest of the answer is broken would only hide it.
        excerpt = b""
    return ActionError(
        "HTTP_STATUS",
        f"{request} answered with status {status}.",
        category=Category.TRANSIENT if retryable else Category.ACTION,
        retryable=retryable,
        details={"status": status, "body": as_text(excerpt, response)},
        retry_after=retry_after(response.headers.get("retry-after")) if retryable else None,
    )


def retry_after(value: str | None) -> float | None:
    """Seconds from now in a Retry-After header (seconds or HTTP date); 0 to MAX_RETRY_AFTER."""
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]+", text):
        return min(float(text), MAX_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max((when - datetime.now(UTC)).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _network_failure(request: str, error: httpx.NetworkError) -> ActionError:
    causes = tuple(_causes(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _transient("HTTP_CONNECT", request, "the connection broke.")
    if tls is not None and isinstance(error, httpx.ConnectError):
        return ActionError("HTTP_TLS", f"{request}: TLS failed, {_tls_reason(tls)}.")
    what = "no connection" if isinstance(error, httpx.ConnectError) else "the connection broke"
    numbers = (cause.errno for cause in causes if isinstance(cause, OSError))
    reason = next((f" ({os.strerror(number)})" for number in numbers if number), "")
    return _transient("HTTP_CONNECT", request, f"{what}{reason}.")


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    return (error.reason or "the handshake failed").replace("_", " ").lower()


def _transient(code: str, request: str, reason: str) -> ActionError:
    return ActionError(code, f"{request}: {reason}", category=Category.TRANSIENT, retryable=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

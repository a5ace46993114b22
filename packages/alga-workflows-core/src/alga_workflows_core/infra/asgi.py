"""What every HTTP request passes: a request id, one log line, metrics, a limit on its body.

Pure ASGI: no web framework and no server is imported here.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import uuid4

import structlog

from alga_workflows_core.errors import TooLargeError
from alga_workflows_core.infra.metrics import Metrics

log = structlog.get_logger()

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBE_PATHS = frozenset({"/livez", "/readyz", "/health", "/metrics"})
# A client that sends its whole body before it reads would lose the answer to a reset; so a refused
# body is read on and thrown away, up to here.
_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_SECONDS = 5.0


@dataclass(slots=True)
class _Response:
    """What is known of a response while it goes out."""

    status: int | None = None
    complete: bool = False

    def note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)


class RequestLog:
    """ASGI middleware: a request id, one log line and the metrics of each request.

    Wrap the finished application with it, so that also its last error handler is inside. A sane
    `X-Request-Id` is taken over, else one is made; it is in every log line, in
    `scope["state"]["request_id"]` and in the response. What the application raises is logged here.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        response = _Response()

        async def send_with_id(message: Message) -> None:
            response.note(message)
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._serve(scope, receive, send_with_id, response)
            finally:
                self._account(scope, response.status, time.perf_counter() - began)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, response: _Response) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            log.exception("A request failed.", action="http.failed", path=scope["path"])
            if response.status is None:
                await send_problem(
                    send,
                    status=500,
                    title="Internal Server Error",
                    detail="Something went wrong here; the log has it under this request's id.",
                    code="INTERNAL",
                    remedy="Try again later, or report it with the X-Request-Id of this response.",
                )
            elif not response.complete:
                # Half an answer is out: the server must break the connection.
                raise

    def _account(self, scope: Scope, status: int | None, seconds: float) -> None:
        method: str = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route: str | None = getattr(scope.get("route"), "path", None)
        # 499: the client left, or the server stopped, before there was an answer.
        outcome = 499 if status is None else status
        self._metrics.http_request(method, route or "unmatched", outcome, seconds)
        write = log.debug if scope["path"] in _PROBE_PATHS else log.info
        write(
            "A request was answered.",
            action="http.request",
            method=method,
            route=route,
            path=scope["path"][:200],
            status=outcome,
            ms=round(seconds * 1000, 1),
        )


class BodyLimit:
    """ASGI middleware: refuses a request body over `max_bytes` with 413 and a problem.

    By its Content-Length before anything is read, else as soon as the bytes that came are over the
    limit. The application never gets more than `max_bytes`; beyond, its `receive` raises
    TooLargeError, and whatever it answers then is replaced by the problem.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declares_over(scope, self._max_bytes):
            # Who waits for "100 Continue" has sent nothing, and must not be asked to.
            comes = _header(scope, b"expect") is None
            await self._refuse(send, unread=receive if comes else None)
            return
        intake = _Intake(receive, self._max_bytes, self._error)
        response = _Response()

        def is_refused() -> bool:
            return intake.over and response.status is None

        async def send_unless_refused(message: Message) -> None:
            if not is_refused():
                response.note(message)
                await send(message)

        try:
            await self._app(scope, intake.receive, send_unless_refused)
        except Exception:
            if not is_refused():
                raise
        if is_refused():
            await self._refuse(send, unread=None if intake.ended else receive)

    def _error(self) -> TooLargeError:
        return TooLargeError(
            f"The request body is over the limit of {self._max_bytes} bytes.",
            remedy="Send less: refer to large data instead of sending it.",
        )

    async def _refuse(self, send: Send, *, unread: Receive | None) -> None:
        error = self._error()

        async def discard() -> None:
            if unread is not None:
                await _discard_body(unread)

        await send_problem(
            send,
            status=413,
            title="Content Too Large",
            detail=error.message,
            code=error.error_code,
            remedy=error.remedy or "",
            before_end=discard,
        )


class _Intake:
    """Hands on a request body up to `limit` bytes and raises beyond."""

    def __init__(self, receive: Receive, limit: int, error: Callable[[], TooLargeError]) -> None:
        self._receive = receive
        self._limit = limit
        self._error = error
        self._count = 0
        self.ended = False

    @property
    def over(self) -> bool:
        return self._count > self._limit

    async def receive(self) -> Message:
        if self.over:
            raise self._error()
        message = await self._receive()
        self._count += len(message.get("body", b""))
        self.ended = not message.get("more_body", False)
        if self.over:
            raise self._error()
        return message


async def send_problem(
    send: Send,
    *,
    status: int,
    title: str,
    detail: str,
    code: str,
    remedy: str,
    before_end: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Answer with an RFC 9457 problem and close the connection.

    `before_end` runs when the whole body is out but the response is not declared finished.
    """
    problem = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "remedy": remedy,
    }
    body = json.dumps(problem).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if before_end is not None:
        await before_end()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard_body(receive: Receive) -> None:
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _request_id(scope: Scope) -> str:
    given = _header(scope, b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return uuid4().hex


def _declares_over(scope: Scope, limit: int) -> bool:
    declared = _header(scope, b"content-length")
    if declared is None or not declared.isdecimal():
        return False
    return len(declared) > 18 or int(declared) > limit


def _header(scope: Scope, name: bytes) -> str | None:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None

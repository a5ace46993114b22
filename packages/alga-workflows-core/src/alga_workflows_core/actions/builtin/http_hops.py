"""The requests that one `http.request` may become when it is redirected."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass, replace
from http import HTTPStatus

import httpx

from alga_workflows_core.actions.builtin.http_messages import HttpRequestInput

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The statuses that send a request elsewhere."""

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""

_SENT_ELSEWHERE = frozenset({307, 308})
_AS_GET = frozenset({HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND})
_OF_THE_BODY = frozenset(
    {"content-type", "content-encoding", "content-language", "content-location", "idempotency-key"}
)
# Any other header may be a credential (`X-Api-Key`), so it stays with the origin it was meant for.
# The key goes along: without it, a repetition would be another request to the new origin.
_FOR_ANY_ORIGIN = frozenset(
    {"accept", "accept-language", "content-type", "idempotency-key", "user-agent"}
)
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One request of a chain of redirects."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    content: bytes | None

    @property
    def name(self) -> str:
        """Method and origin: path, query and headers may hold secrets."""
        return f"{self.method} {self.url.scheme}://{self.url.netloc.decode('ascii')}"

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in SAFE_METHODS

    @classmethod
    def first(cls, request: HttpRequestInput, key: str | None) -> Hop:
        """The request as it was asked for; `key` is the step's idempotency key."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.body()
        if body is not None:
            headers.setdefault("content-type", body.media_type)
        if request.auth is not None:
            headers["authorization"] = request.auth.header()
        hop = cls(
            method=request.method,
            url=request.target(),
            headers=headers,
            content=None if body is None else body.content,
        )
        if key is not None and hop.writes:
            headers["idempotency-key"] = _sendable(key)
        return hop

    def toward(self, url: httpx.URL, status: int) -> Hop:
        """The request that follows a redirect, as browsers make it."""
        hop = replace(self, url=url)
        if _origin(url) != _origin(self.url):
            hop = _reduced(hop, _FOR_ANY_ORIGIN & self.headers.keys())
        if (status == HTTPStatus.SEE_OTHER and self.writes) or (
            status in _AS_GET and self.method == "POST"
        ):
            hop = _reduced(hop, hop.headers.keys() - _OF_THE_BODY)
            hop = replace(hop, method="GET", content=None)
        return hop


@dataclass(slots=True)
class Effect:
    """Whether what has been sent so far may have taken effect."""

    possible: bool = False

    def sending(self, hop: Hop) -> None:
        """The first bytes of a request go out now."""
        if hop.writes:
            self.possible = True

    def redirected(self, status: int) -> None:
        """The server answered that something else is to be asked."""
        if status in _SENT_ELSEWHERE:
            self.possible = False

    def refused(self, hop: Hop, status: int) -> None:
        """The server answered that it did not do it; a gateway does not know."""
        if hop.writes and status not in {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}:
            self.possible = False


def _reduced(hop: Hop, names: Set[str]) -> Hop:
    headers = {name: value for name, value in hop.headers.items() if name in names}
    return replace(hop, headers=headers)


def _sendable(key: str) -> str:
    if _KEY.fullmatch(key):
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port

"""`http.request`: one HTTP request to a service outside, within bounds of time and size.

GET and HEAD read; PUT and DELETE may be repeated. POST and PATCH are not offered: repeating them
safely needs a record of what has been sent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from http import HTTPStatus

import httpx

from alga_workflows_core.actions.builtin.http_content import (
    ACCEPT_ENCODING,
    as_value,
    media_type,
    read_body,
    storable,
)
from alga_workflows_core.actions.builtin.http_failures import (
    bad_redirect,
    bad_status,
    failures_of,
    timed_out,
    too_large,
)
from alga_workflows_core.actions.builtin.http_messages import (
    HttpRequestInput,
    HttpRequestOutput,
    parse_url,
)
from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.definition.action_spec import ActionKind

MAX_BODY_BYTES = 1024 * 1024

_CONNECT_SECONDS = 5.0
# Any other header may be a credential (`X-Api-Key`), so it stays with the origin it was meant for.
_HEADERS_FOR_ANY_ORIGIN = frozenset({"accept", "accept-language", "content-type", "user-agent"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hop:
    """One request of a chain of redirects."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    content: bytes | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.url.scheme}://{self.url.netloc.decode('ascii')}"

    @classmethod
    def first(cls, request: HttpRequestInput) -> _Hop:
        headers = {name.lower(): value for name, value in request.headers.items()}
        content = request.content()
        if content is not None:
            default = (
                "text/plain; charset=utf-8" if request.text is not None else "application/json"
            )
            headers.setdefault("content-type", default)
        return cls(method=request.method, url=request.target(), headers=headers, content=content)

    def toward(self, url: httpx.URL, status: int) -> _Hop:
        hop = replace(self, url=url)
        if _origin(url) != _origin(self.url):
            allowed = _HEADERS_FOR_ANY_ORIGIN
            kept = {name: value for name, value in self.headers.items() if name in allowed}
            hop = replace(hop, headers=kept)
        if status == HTTPStatus.SEE_OTHER and self.method not in {"GET", "HEAD"}:
            kept = {name: value for name, value in hop.headers.items() if name != "content-type"}
            hop = replace(hop, method="GET", headers=kept, content=None)
        return hop


class HttpRequester:
    """Sends an HTTP request to a service outside and answers with status, headers and body.

    Redirects are followed here, one by one, so that each target is judged; headers other than
    Accept, Accept-Language, Content-Type and User-Agent do not follow to another origin. Raises
    ActionError with the codes of `http_failures`. `client` has to guard the addresses.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, request: HttpRequestInput) -> HttpRequestOutput:
        hop = _Hop.first(request)
        try:
            async with asyncio.timeout(request.timeout):
                for left in range(request.max_redirects, -1, -1):
                    answer = await self._exchange(hop, request, redirects_left=left)
                    if isinstance(answer, HttpRequestOutput):
                        return answer
                    hop = answer
        except TimeoutError as error:
            raise timed_out(hop.name) from error
        raise AssertionError("the last exchange answers or raises")

    async def _exchange(
        self, hop: _Hop, request: HttpRequestInput, *, redirects_left: int
    ) -> HttpRequestOutput | _Hop:
        with failures_of(hop.name):
            response = await self._send(hop, request.timeout)
            try:
                status = response.status_code
                if status in (request.expect_status or ()):
                    return await _output(hop, response)
                location = response.headers.get("location")
                if status in _REDIRECTS and location is not None:
                    return _redirect(hop, status, location, redirects_left)
                if request.expect_status is not None or not response.is_success:
                    raise await bad_status(hop.name, response)
                return await _output(hop, response)
            finally:
                await response.aclose()

    async def _send(self, hop: _Hop, seconds: float) -> httpx.Response:
        # httpx logs the URL of every request. Path and query travel as the `target` extension,
        # which is not logged: they may hold secrets.
        outgoing = self._client.build_request(
            hop.method,
            hop.url.copy_with(raw_path=b"/"),
            headers=hop.headers | {"accept-encoding": ACCEPT_ENCODING},
            content=hop.content,
            timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            extensions={"target": hop.url.raw_path},
        )
        return await self._client.send(outgoing, stream=True, follow_redirects=False)


async def _output(hop: _Hop, response: httpx.Response) -> HttpRequestOutput:
    body = await read_body(response, limit=MAX_BODY_BYTES)
    if not body.complete:
        raise too_large(hop.name, MAX_BODY_BYTES)
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        if name not in {"set-cookie", "set-cookie2"}:
            joined = f"{headers[name]}, {value}" if name in headers else value
            headers[name] = storable(joined)
    return HttpRequestOutput(
        status=response.status_code,
        headers=headers,
        body=as_value(body.content, response),
        content_type=media_type(response),
        url=str(hop.url.copy_with(query=None)),
    )


def _redirect(hop: _Hop, status: int, location: str, redirects_left: int) -> _Hop:
    if not redirects_left:
        raise bad_redirect(
            hop.name,
            status,
            "and no further redirect may be followed",
            f"Raise `maxRedirects`, or name {status} in `expectStatus` to take it as the answer.",
        )
    try:
        return hop.toward(parse_url(hop.url.join(location)), status)
    except (ValueError, httpx.InvalidURL):
        raise bad_redirect(
            hop.name,
            status,
            "to something that is not an http or https URL without a user name",
            "Ask the service's operator, or request the final address.",
        ) from None


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


def actions(client: httpx.AsyncClient) -> list[Action]:
    """`http.request` over `client`, which has to guard the addresses."""
    requester = HttpRequester(client)

    @action("http.request", version=1, kind=ActionKind.IDEMPOTENT, timeout=61.0)
    async def request(request: HttpRequestInput) -> HttpRequestOutput:
        """Send an HTTP request that may be repeated (GET, HEAD, PUT, DELETE)."""
        return await requester(request)

    return [request]

"""`http.request`: one HTTP request to a service outside, within bounds of time and size."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    uncertain,
)
from alga_workflows_core.actions.builtin.http_hops import REDIRECTS, SAFE_METHODS, Effect, Hop
from alga_workflows_core.actions.builtin.http_messages import (
    HttpRequestInput,
    HttpRequestOutput,
    parse_url,
)
from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.definition.action_spec import ActionKind

MAX_BODY_BYTES = 1024 * 1024

_CONNECT_SECONDS = 5.0
_SENDING = "http11.send_request_headers.started"


def kind_of(request: HttpRequestInput, invocation: Invocation) -> ActionKind:
    """What may happen when this request is sent again."""
    if request.method in SAFE_METHODS:
        return ActionKind.READ
    if request.method in {"PUT", "DELETE"} or invocation.authored_key is not None:
        return ActionKind.IDEMPOTENT
    return ActionKind.UNSAFE


class HttpRequester:
    """Sends an HTTP request to a service outside and answers with status, headers and body.

    Redirects are followed here, one by one, so that each target is judged; headers that may be
    credentials do not follow to another origin. Raises ActionError with the codes of
    `http_failures`; where an unsafe request may have taken effect, the error is `unknown`.
    `client` has to guard the addresses.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(
        self, request: HttpRequestInput, invocation: Invocation
    ) -> HttpRequestOutput:
        repeatable = kind_of(request, invocation) is not ActionKind.UNSAFE
        effect = Effect()
        try:
            return await self._follow(request, invocation.authored_key, effect, repeatable)
        except ActionError as error:
            if repeatable or not effect.possible:
                raise
            raise uncertain(error) from error.__cause__

    async def _follow(
        self, request: HttpRequestInput, key: str | None, effect: Effect, repeatable: bool
    ) -> HttpRequestOutput:
        hop = Hop.first(request, key)
        try:
            async with asyncio.timeout(request.timeout):
                for left in range(request.max_redirects, -1, -1):
                    exchange = _Exchange(hop, request, effect, left, repeatable)
                    answer = await self._exchange(exchange)
                    if isinstance(answer, HttpRequestOutput):
                        return answer
                    hop = answer
        except TimeoutError as error:
            raise timed_out(hop.name) from error
        raise AssertionError("the last exchange answers or raises")

    async def _exchange(self, exchange: _Exchange) -> HttpRequestOutput | Hop:
        hop, request = exchange.hop, exchange.request
        with failures_of(hop.name):
            response = await self._send(hop, request.timeout, exchange.effect)
            try:
                status = response.status_code
                if status in (request.expect_status or ()):
                    return await _output(hop, response)
                location = response.headers.get("location")
                if status in REDIRECTS and location is not None:
                    exchange.effect.redirected(status)
                    return _redirect(hop, status, location, exchange.redirects_left)
                if request.expect_status is not None or not response.is_success:
                    exchange.effect.refused(hop, status)
                    raise await bad_status(hop.name, response, repeatable=exchange.repeatable)
                return await _output(hop, response)
            finally:
                await response.aclose()

    async def _send(self, hop: Hop, seconds: float, effect: Effect) -> httpx.Response:
        async def trace(event: str, _info: Mapping[str, Any]) -> None:
            if event == _SENDING:
                effect.sending(hop)

        # httpx logs the URL of every request. Path and query travel as the `target` extension,
        # which is not logged: they may hold secrets.
        outgoing = self._client.build_request(
            hop.method,
            hop.url.copy_with(raw_path=b"/"),
            headers=hop.headers | {"accept-encoding": ACCEPT_ENCODING},
            content=hop.content,
            timeout=httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
            extensions={"target": hop.url.raw_path, "trace": trace},
        )
        return await self._client.send(outgoing, stream=True, follow_redirects=False)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request and what is to be made of its answer."""

    hop: Hop
    request: HttpRequestInput
    effect: Effect
    redirects_left: int
    repeatable: bool


async def _output(hop: Hop, response: httpx.Response) -> HttpRequestOutput:
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


def _redirect(hop: Hop, status: int, location: str, redirects_left: int) -> Hop:
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


def actions(client: httpx.AsyncClient) -> list[Action]:
    """`http.request` over `client`, which has to guard the addresses."""
    requester = HttpRequester(client)

    @action("http.request", version=1, kind=ActionKind.UNSAFE, timeout=61.0, kind_of=kind_of)
    async def request(request: HttpRequestInput, invocation: Invocation) -> HttpRequestOutput:
        """Send an HTTP request and answer with status, headers and body."""
        return await requester(request, invocation)

    return [request]

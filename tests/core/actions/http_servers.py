"""Servers on loopback that say what a test wants, and `http.request` against them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest

from alga_workflows_core.actions.builtin.http_messages import HttpRequestInput, HttpRequestOutput
from alga_workflows_core.actions.builtin.http_request import HttpRequester
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.infra.egress.addresses import AddressPolicy
from alga_workflows_core.infra.egress.backend import Resolve, system_resolve
from alga_workflows_core.infra.egress.client import create_client
from tests.core.actions.invocations import INVOCATION

LOOPBACK = AddressPolicy(allow=(ip_network("127.0.0.0/8"),))

Answer = bytes | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it arrived; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Server:
    """A server on loopback and what it has been asked."""

    url: str
    received: list[Received] = field(default_factory=list[Received])
    given_up: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def serving(*answers: Answer, host: str = "127.0.0.1") -> AsyncGenerator[Server]:
    """A server that gives `answers` in turn, the last one for ever; one request per connection.

    `given_up` is set once a client has gone while its answer was still being written.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        given = answers[min(len(server.received), len(answers) - 1)]
        server.received.append(Received(line=head[0], headers=headers, body=body))
        try:
            if isinstance(given, bytes):
                writer.write(given)
            else:
                await given(reader, writer)
            await writer.drain()
        except ConnectionError:
            server.given_up.set()
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, host, 0)
    server = Server(url=f"http://{host}:{listener.sockets[0].getsockname()[1]}")
    async with listener:
        yield server


def http(
    status: str = "200 OK", *headers: str, body: bytes | str = b"", length: bool = True
) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if length:
        lines.append(f"Content-Length: {len(content)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def json_answer(body: bytes | str) -> bytes:
    return http("200 OK", "Content-Type: application/json", body=body)


async def request(
    url: str,
    *,
    policy: AddressPolicy = LOOPBACK,
    resolve: Resolve = system_resolve,
    key: str | None = None,
    **fields: Any,
) -> HttpRequestOutput:
    """The answer to one call; `key` is the step's idempotency key."""
    async with create_client(policy, resolve=resolve) as client:
        return await HttpRequester(client)(
            HttpRequestInput.model_validate({"url": url, **fields}),
            replace(INVOCATION, authored_key=key),
        )


async def failure(url: str, **fields: Any) -> ActionError:
    with pytest.raises(ActionError) as caught:
        await request(url, **fields)
    return caught.value

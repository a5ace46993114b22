"""The HTTP server as a service: its address, its errors, its end."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from fastapi.responses import PlainTextResponse

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.asgi import ASGIApp, Receive, Scope, Send
from alga_workflows_core.infra.http import HttpServer

DEADLINE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server and a client for it."""

    server: HttpServer
    client: httpx.AsyncClient
    task: asyncio.Task[None]


@asynccontextmanager
async def serving(app: ASGIApp, *, port: int = 0, grace: float = 5.0) -> AsyncGenerator[Served]:
    """`app` behind a real socket, stopped at the end."""
    server = HttpServer(app, host="127.0.0.1", port=port, grace=grace)
    ready = asyncio.Event()
    task = asyncio.create_task(server.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE)
    waiting.cancel()
    if task.done():
        await task
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        yield Served(server=server, client=client, task=task)
    await server.stop()
    await asyncio.wait_for(task, DEADLINE)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


class Held:
    """An application that answers when it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.cancelled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await hello(scope, receive, send)


async def test_it_serves_on_a_free_port_and_says_which() -> None:
    """Port 0 becomes a real one; nothing tells what software answers."""
    async with serving(hello) as served:
        assert served.server.port > 0
        assert served.server.url == f"http://127.0.0.1:{served.server.port}"
        answer = await served.client.get("/")

    assert (answer.status_code, answer.text) == (200, "hello")
    assert "server" not in answer.headers
    assert not await connects(served.server.port)


async def test_it_leaves_the_signals_and_the_logs_of_the_process_alone() -> None:
    """Who stops the process and who writes its logs is decided elsewhere."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    handlers = list(logging.getLogger("uvicorn").handlers)

    async with serving(hello):
        during = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        assert logging.getLogger("uvicorn").handlers == handlers

    assert during == before


async def test_a_port_in_use_is_an_error_that_helps() -> None:
    """It names the address and the setting, and the process does not end."""
    async with serving(hello) as first:
        with pytest.raises(AlgaError) as caught:
            async with serving(hello, port=first.server.port):
                pass

    assert caught.value.error_code == "ADDRESS_IN_USE"
    assert f"127.0.0.1:{first.server.port}" in caught.value.message
    assert "PORT" in (caught.value.remedy or "")


@pytest.mark.parametrize("host", ["no..where", "192.0.2.1"])
async def test_an_address_that_is_not_ours_is_an_error_that_helps(host: str) -> None:
    """An unknown name and a foreign address are refused alike."""
    server = HttpServer(hello, host=host, port=0)

    with pytest.raises(AlgaError) as caught:
        await asyncio.wait_for(server.run(lambda: None), DEADLINE)

    assert caught.value.error_code == "ADDRESS_UNUSABLE"
    assert host in caught.value.message
    assert "WORKFLOW_HOST" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("example.org", "http://example.org:80"),
    ],
)
def test_the_url_can_be_opened_on_this_machine(host: str, expected: str) -> None:
    """A wildcard is no address to connect to, and IPv6 needs brackets."""
    assert HttpServer(hello, host=host, port=80).url == expected


async def test_stopping_lets_requests_finish() -> None:
    """A request under way gets its answer; new connections are refused."""
    app = Held()
    async with serving(app) as served:
        request = asyncio.create_task(served.client.get("/"))
        await asyncio.wait_for(app.entered.wait(), DEADLINE)
        await served.server.stop()
        await refuses_connections(served.server.port)
        app.go_on.set()
        answer = await asyncio.wait_for(request, DEADLINE)

    assert answer.text == "hello"


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def refuses_connections(port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if not await connects(port):
                return
            await asyncio.sleep(0.01)


async def test_stopping_does_not_wait_for_ever() -> None:
    """A request that takes longer than the grace is cancelled."""
    app = Held()
    async with serving(app, grace=0.2) as served:
        request = asyncio.create_task(served.client.get("/"))
        await asyncio.wait_for(app.entered.wait(), DEADLINE)
        await served.server.stop()
        await asyncio.wait_for(served.task, DEADLINE)
        await asyncio.wait({request}, timeout=DEADLINE)

    assert app.cancelled
    assert request.done()


async def test_after_a_cancellation_it_can_run_again_on_the_same_port() -> None:
    """A restart by the supervisor keeps the address that others were told."""
    server = HttpServer(hello, host="127.0.0.1", port=0)
    ports: list[int] = []
    for _ in range(2):
        ready = asyncio.Event()
        task = asyncio.create_task(server.run(ready.set))
        await asyncio.wait_for(ready.wait(), DEADLINE)
        ports.append(server.port)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(server.url)).text == "hello"
        task.cancel()
        await asyncio.wait({task}, timeout=DEADLINE)

    assert ports[0] == ports[1]


async def test_a_forwarded_address_does_not_pass_for_the_peer() -> None:
    """Whoever connects over loopback is the loopback peer, whatever headers say."""

    async def peer(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(scope["client"][0])(scope, receive, send)

    async with serving(peer) as served:
        answer = await served.client.get("/", headers={"x-forwarded-for": "203.0.113.9"})

    assert answer.text == "127.0.0.1"


def test_only_the_server_needs_the_extra() -> None:
    """Whoever installs core without `[api]` can import everything else of the process habits."""
    modules = ("asgi", "health", "metrics", "supervisor", "telemetry")
    script = "".join(f"import alga_workflows_core.infra.{name}\n" for name in modules)
    script += "import sys; print({'uvicorn', 'starlette', 'fastapi'} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "set()"

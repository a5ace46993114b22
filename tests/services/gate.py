"""A local HTTP service for actions to call, which answers when the test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from alga_workflows_core.infra.asgi import Receive, Scope, Send
from alga_workflows_core.infra.http import HttpServer

ANSWER = "the gate's answer"


class Gate:
    """Holds every request until `open` is set, and answers it with ANSWER then."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.requests = 0
        self.url = ""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.requests += 1
        await self.open.wait()
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWER.encode()})

    async def was_asked(self) -> bool:
        """Whether a request has come."""
        return self.requests > 0

    @asynccontextmanager
    async def served(self) -> AsyncGenerator[Gate]:
        """Serve on a free port."""
        server = HttpServer(self, host="127.0.0.1", port=0, grace=1.0)
        ready = asyncio.Event()
        serving = asyncio.create_task(server.run(ready.set))
        await ready.wait()
        self.url = server.url
        try:
            yield self
        finally:
            self.open.set()
            await server.stop()
            await serving

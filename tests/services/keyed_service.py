"""A service that knows the calls of actions by their keys, and writes all of them down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from alga_workflows_core.infra.asgi import Receive, Scope, Send
from alga_workflows_core.infra.http import HttpServer


class KeyedService:
    """`calls`: idempotency key and step of each request; `effects`: the same without repetitions
    of a key, as the service carried them out."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.url = ""

    @property
    def effects(self) -> list[str]:
        """The steps whose effect there is, one for each key."""
        return sorted(step for _, step in dict.fromkeys(self.calls))

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        self.calls.append((headers[b"idempotency-key"].decode(), headers[b"x-step"].decode()))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def keyed_service() -> AsyncGenerator[KeyedService]:
    """Serves on a free port."""
    service = KeyedService()
    server = HttpServer(service, host="127.0.0.1", port=0, grace=1.0)
    ready = asyncio.Event()
    serving = asyncio.create_task(server.run(ready.set))
    await ready.wait()
    service.url = server.url
    try:
        yield service
    finally:
        await server.stop()
        await serving

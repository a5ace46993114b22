"""A receiver of events that tests make fail, on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from alga_workflows_core.infra.devstack.temporal_server import free_port


class Receiver:
    """Answers each POST with the status that `decide` gives for its event; `got` has all events
    that were taken, `asked` all requests: event and authorization."""

    def __init__(self) -> None:
        self.port = free_port()
        self.got: list[dict[str, Any]] = []
        self.asked: list[tuple[dict[str, Any], str]] = []
        self.decide: Callable[[dict[str, Any]], int] = lambda _event: 202

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/events"

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """It answers for as long as the block lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
        event = json.loads(await reader.readexactly(int(fields["content-length"])))
        assert fields["content-type"] == "application/cloudevents+json"
        self.asked.append((event, fields.get("authorization", "")))
        status = self.decide(event)
        if status < 300:
            self.got.append(event)
        answer = f"HTTP/1.1 {status} Told\r\ncontent-length: 4\r\nconnection: close\r\n\r\ntold"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

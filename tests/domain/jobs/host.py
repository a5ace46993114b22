"""A host that performs jobs: a small HTTP server that does what a test has told it."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass(kw_only=True)
class Host:
    """`script`: (status, body, seconds to wait) by attempt, the last one for all that follow."""

    port: int = 0
    script: list[tuple[int, Any, float]] = field(default_factory=list[tuple[int, Any, float]])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    unsigned: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jobs"

    def says(self, *script: tuple[int, Any, float]) -> None:
        """From now on."""
        self.script = list(script)
        self.asked.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers["content-length"]))
        if not _is_signed(headers, body):
            self.unsigned += 1
        self.asked.append(json.loads(body))
        status, answer, wait = self.script[min(len(self.asked), len(self.script)) - 1]
        await asyncio.sleep(wait)
        content = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\n"
            "connection: close\r\n\r\n".encode()
            + content
        )
        writer.close()


def _is_signed(headers: dict[str, str], body: bytes) -> bool:
    said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.digest(KEY, said, "sha256")).decode()
    return headers["webhook-signature"] == f"v1,{digest}"


@asynccontextmanager
async def running_host() -> AsyncGenerator[Host]:
    """On a free port of this machine."""
    host = Host()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(host.serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

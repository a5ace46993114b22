"""A Redis that tests stop and bring back at the same address, with its former data."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from alga_workflows_core.infra.devstack.server_process import ServerProcess
from alga_workflows_core.infra.devstack.temporal_server import free_port

START_SECONDS = 20.0


class RedisServer:
    """`program`, with its data in `folder`; what it has said yes to survives its stop."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._port = free_port()
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def client(self, *, decode_responses: bool = True) -> Any:
        """A client of its own, which nobody else closes."""
        return cast("Any", Redis).from_url(self.url, decode_responses=decode_responses, protocol=2)

    async def start(self) -> None:
        """Start it, if it is down, and wait until it answers."""
        if self._process is not None:
            return
        kept = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        self._process = await ServerProcess.start(
            "Redis",
            [
                *(str(self._program), "--bind", "127.0.0.1", "--port", str(self._port)),
                *("--dir", str(self._folder), *kept),
            ],
            log_file=self._folder / "redis.log",
            environ={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )
        deadline = time.monotonic() + START_SECONDS
        client = self.client()
        try:
            while not await _answers(client):
                if not self._process.is_running or time.monotonic() > deadline:
                    raise self._process.failure("does not answer")
        finally:
            await client.aclose()

    async def stop(self) -> None:
        """SIGTERM, and nobody listens at its address."""
        if self._process is not None:
            await self._process.stop()
            self._process = None


async def _answers(client: Any) -> bool:
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False

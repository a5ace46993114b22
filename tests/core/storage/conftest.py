"""Fixtures of the storage tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio

from alga_workflows_core.infra.devstack.postgres import PostgresServer


@pytest_asyncio.fixture(scope="module")
async def bare_server(server_folder: Path) -> AsyncGenerator[PostgresServer]:
    """A server of the module's own, on which our roles have not been made."""
    server = await PostgresServer.start(
        server_folder / "bare", log_file=server_folder / "bare.log", durable=False
    )
    yield server
    await server.stop()

"""A PostgreSQL and a Temporal that tests stop and bring back at the same address."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack import temporal_cli
from alga_workflows_core.infra.devstack.postgres import PostgresServer
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
    free_port,
)
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.migrate import SCHEMA

DATABASE = "alga"


class Servers:
    """Both servers, with their data in `folder`. `start` brings up what is down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._options = TemporalServerOptions(
            port=free_port(), http_port=free_port(), database=folder / "temporal.db"
        )
        self._postgres: PostgresServer | None = None
        self._temporal: TemporalServer | None = None
        self.database_url = ""

    @property
    def temporal_address(self) -> str:
        return f"127.0.0.1:{self._options.port}"

    async def start(self) -> None:
        """Start whatever is not running."""
        await asyncio.gather(self.start_postgres(), self.start_temporal())

    async def start_postgres(self) -> None:
        """With its former data; the first time with a migrated database."""
        if self._postgres is not None:
            return
        self._postgres = await PostgresServer.start(
            self._folder / "postgres", log_file=self._folder / "postgres.log", durable=False
        )
        if not self.database_url:
            await self._postgres.create_database(DATABASE)
            await _migrate(self._postgres.url(DATABASE))
        self.database_url = self._postgres.url(DATABASE)

    async def stop_postgres(self) -> None:
        """A fast stop, which ends all connections."""
        if self._postgres is not None:
            await self._postgres.stop()
            self._postgres = None

    async def start_temporal(self) -> None:
        """With its former executions."""
        if self._temporal is not None:
            return
        binary = await temporal_cli.find(print)
        self._temporal = await TemporalServer.start(
            binary, self._options, log_file=self._folder / "temporal.log"
        )

    async def stop_temporal(self) -> None:
        """SIGTERM, and nobody listens at its address."""
        if self._temporal is not None:
            await self._temporal.stop()
            self._temporal = None

    async def stop(self) -> None:
        """Stop both."""
        await asyncio.gather(self.stop_postgres(), self.stop_temporal())


async def _migrate(url: str) -> None:
    database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
    try:
        await SCHEMA.migrate(database)
    finally:
        await database.close()

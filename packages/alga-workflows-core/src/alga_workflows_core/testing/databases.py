"""Databases for tests: one migrated template per run, a clone of it per test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.postgres import PostgresServer
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.storage.migrate import SCHEMA

TEMPLATE = "alga_template"


class TestDatabases:
    """Makes and drops databases of one embedded server."""

    __test__ = False

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        # CREATE DATABASE … TEMPLATE wants nobody else on the template, not even another clone.
        self._cloning = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the template and bring it to the present schema."""
        await self._server.create_database(TEMPLATE)
        database = Database(self.settings(TEMPLATE))
        try:
            await SCHEMA.migrate(database)
        finally:
            await database.close()

    def settings(self, name: str) -> DatabaseSettings:
        return load(DatabaseSettings, {"DATABASE_URL": self._server.url(name)})

    @asynccontextmanager
    async def clone(self) -> AsyncGenerator[str]:
        """The URL of a fresh migrated database, which is dropped afterwards."""
        async with self._temporary(template=TEMPLATE) as url:
            yield url

    @asynccontextmanager
    async def empty(self) -> AsyncGenerator[str]:
        """The URL of a database without our schema, which is dropped afterwards."""
        async with self._temporary(template="template0") as url:
            yield url

    @asynccontextmanager
    async def _temporary(self, *, template: str) -> AsyncGenerator[str]:
        name = f"test_{uuid4().hex[:16]}"
        async with self._cloning:
            await self._execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        try:
            yield self._server.url(name)
        finally:
            await self._execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    async def _execute(self, statement: sql.Composed) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._server.url("postgres"), autocommit=True
        )
        async with connection:
            await connection.execute(statement)

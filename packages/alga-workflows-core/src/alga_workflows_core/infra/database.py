"""The connection pool to PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.settings import DatabaseSettings

CONNECT_TIMEOUT_SECONDS = 5
REMEDY = "Check DATABASE_URL, that the server runs, and that this machine may connect to it."


def strict_json(value: Any) -> str:
    """JSON text; NaN and Infinity, which PostgreSQL would refuse, raise ValueError here."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


class Database:
    """One process's pool. Connections are checked before use, so it survives a server restart."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.address = settings.address
        self.engine: AsyncEngine = create_async_engine(
            settings.sqlalchemy_url,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=30,
            json_serializer=strict_json,
            connect_args=connect_arguments(settings.sqlalchemy_url),
        )

    async def ping(self, timeout: float = CONNECT_TIMEOUT_SECONDS) -> None:  # noqa: ASYNC109
        """Return when the server answers a query; UnavailableError when it does not in time."""
        try:
            async with asyncio.timeout(timeout), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise UnavailableError(
                "PostgreSQL", self.address, first_line(error), remedy=REMEDY
            ) from error

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[AsyncConnection]:
        """A connection outside any tenant, for migrations and probes."""
        async with self.engine.connect() as connection:
            yield connection

    async def close(self) -> None:
        await self.engine.dispose()


def connect_arguments(url: URL) -> dict[str, Any]:
    """psycopg's arguments: a bounded connect, and a name that `pg_stat_activity` shows."""
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    if "application_name" not in url.query:
        arguments["application_name"] = "alga-workflows"
    return arguments


def first_line(error: BaseException) -> str:
    """The first line of what the driver said, without SQL and parameters."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig else error
    lines = str(original).strip().splitlines()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (lines[0] if lines else type(original).__name__).rstrip(".")

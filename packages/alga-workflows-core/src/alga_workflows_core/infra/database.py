"""The connection pool to PostgreSQL, and what it means when the server does not answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, NullPool, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.settings import DatabaseSettings

CONNECT_TIMEOUT_SECONDS = 5
CHECKOUT_TIMEOUT_SECONDS = 30.0
REMEDY = "Check DATABASE_URL, that the server runs, and that this machine may connect to it."
POOL_REMEDY = "Raise WORKFLOW_DATABASE_POOL_SIZE, or find out what keeps connections for so long."

_LIMIT_EXCEEDED = "54"  # a class of errors: the statement is too large, whatever the server's state


def strict_json(value: Any) -> str:
    """JSON text; NaN and Infinity, which PostgreSQL would refuse, raise ValueError here."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


class Database:
    """One process's pool. Connections are checked before use, so it survives a server restart.

    Transactions are READ COMMITTED, whatever the server's default is. `checkout_timeout` is how
    many seconds to wait for one of the pool's connections.
    """

    def __init__(
        self, settings: DatabaseSettings, *, checkout_timeout: float = CHECKOUT_TIMEOUT_SECONDS
    ) -> None:
        self.address = settings.address
        self._direct_url = settings.listen_url
        self._pool_size = settings.pool_size
        self.engine: AsyncEngine = create_async_engine(
            settings.sqlalchemy_url,
            isolation_level="READ COMMITTED",
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=checkout_timeout,
            json_serializer=strict_json,
            hide_parameters=True,  # they would be in error messages, and so in logs
            connect_args=connect_arguments(settings.sqlalchemy_url),
        )

    async def ping(self, timeout: float = CONNECT_TIMEOUT_SECONDS) -> None:  # noqa: ASYNC109
        """Return when the server answers a query; UnavailableError when it does not in time."""
        try:
            async with asyncio.timeout(timeout), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise self._unavailable(error) from error

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[AsyncConnection]:
        """A connection of the pool outside any tenant, for probes and hints."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncConnection]:
        """A connection of its own that no pooler stands before, outside any tenant.

        What belongs to a server's session, such as an advisory lock, lives as long as it does.
        """
        engine = create_async_engine(
            self._direct_url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args=connect_arguments(self._direct_url),
        )
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    @contextmanager
    def outage_as_unavailable(self) -> Generator[None]:
        """Raise UnavailableError for what SQLAlchemy raises when the server, or the pool, is to
        blame and not what was asked of it; any other error passes."""
        try:
            yield
        except SQLAlchemyError as error:
            if is_outage(error):
                raise self._unavailable(error) from error
            raise

    async def close(self) -> None:
        """Close the connections that nobody is using."""
        await self.engine.dispose()

    def _unavailable(self, error: BaseException) -> UnavailableError:
        if isinstance(error, PoolTimeout):
            busy = f"all {self._pool_size} connections of this process are in use"
            return UnavailableError("PostgreSQL", self.address, busy, remedy=POOL_REMEDY)
        return UnavailableError("PostgreSQL", self.address, first_line(error), remedy=REMEDY)


def connect_arguments(url: URL) -> dict[str, Any]:
    """psycopg's arguments, but for those that `url` has in its query.

    A bounded connect, a name that `pg_stat_activity` shows, and a connection whose other end is
    gone without a word is given up within a minute.
    """
    arguments: dict[str, Any] = {
        "application_name": "alga-workflows",
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,  # milliseconds
    }
    return {name: value for name, value in arguments.items() if name not in url.query}


def first_line(error: BaseException) -> str:
    """The first line of what the driver said, without SQL and parameters."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig else error
    lines = str(original).strip().splitlines()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (lines[0] if lines else type(original).__name__).rstrip(".")


def sqlstate(error: BaseException) -> str:
    """The code that PostgreSQL gave the error, or "" where it gave none."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlstate", None) or ""


def is_outage(error: SQLAlchemyError) -> bool:
    """Whether the server, or the pool, is to blame and not what was asked of it."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError) or sqlstate(error).startswith(_LIMIT_EXCEEDED):
        return False
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated

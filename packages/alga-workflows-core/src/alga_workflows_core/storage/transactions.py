"""Transactions of a tenant, on our database or on that of a service that serves actions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeAlias

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.database import first_line, is_outage

CallersTransaction: TypeAlias = AsyncConnection | AsyncSession
"""The open transaction of another service, which begins and ends it."""

_SET_TENANT = text("SELECT set_config('alga.tenant', :tenant, true)")


class Transactions(Protocol):
    """Opens transactions on the database with the ledger; `Storage` does."""

    def transaction(self, tenant: str) -> AbstractAsyncContextManager[AsyncConnection]:
        """A READ COMMITTED transaction in which `alga.tenant` is `tenant`; UnavailableError."""
        ...


class EngineTransactions:
    """Transactions on the database of a service that serves actions of its own.

    `address` is what an error calls the server; no password in it.
    """

    def __init__(self, engine: AsyncEngine, *, address: str = "the service's address") -> None:
        self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        self._address = address

    @asynccontextmanager
    async def transaction(self, tenant: str) -> AsyncGenerator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                await connection.execute(_SET_TENANT, {"tenant": tenant})
                yield connection
        except SQLAlchemyError as error:
            if not is_outage(error):
                raise
            raise UnavailableError(
                "PostgreSQL",
                self._address,
                first_line(error),
                remedy="Check that the server runs and that this service may connect to it.",
            ) from error

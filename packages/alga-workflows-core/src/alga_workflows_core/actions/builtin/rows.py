"""The way of built-in actions to rows.

It is handed to them, and described here, so that whoever only looks at contracts loads no library
of SQL.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.errors import Category, UnavailableError

if TYPE_CHECKING:
    from alga_workflows_core.storage.unit_of_work import UnitOfWork


class Rows(Protocol):
    """What built-in actions need of `Storage`."""

    def unit_of_work(self, tenant: str) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction of its own."""
        ...

    def within(self, transaction: object, tenant: str) -> UnitOfWork:
        """The repositories in a transaction that somebody else ends."""
        ...


class NoRows:
    """For those who have the actions' contracts and perform only pure ones. RuntimeError when one
    asks for rows."""

    def unit_of_work(self, tenant: str) -> AbstractAsyncContextManager[UnitOfWork]:
        raise self._refusal(tenant)

    def within(self, transaction: object, tenant: str) -> UnitOfWork:  # noqa: ARG002
        raise self._refusal(tenant)

    def _refusal(self, tenant: str) -> RuntimeError:
        return RuntimeError(f"These actions were made without a way to the rows of {tenant}.")


@asynccontextmanager
async def reading(rows: Rows, tenant: str) -> AsyncGenerator[UnitOfWork]:
    """A unit of work that changes nothing. ActionError UNAVAILABLE, which a retry may help, where
    the database cannot be reached."""
    try:
        async with rows.unit_of_work(tenant) as work:
            yield work
    except UnavailableError as error:
        raise ActionError(
            error.error_code, error.message, category=Category.TRANSIENT, retryable=True
        ) from error

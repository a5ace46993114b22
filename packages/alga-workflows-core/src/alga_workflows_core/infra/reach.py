"""Wait at the start until PostgreSQL and Temporal answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from temporalio.client import Client
from temporalio.runtime import Runtime

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.infra.temporal import connect

log = structlog.get_logger()

T = TypeVar("T")

POLL_SECONDS = 1.0
ATTEMPT_SECONDS = 5.0
SHORTEST_ATTEMPT_SECONDS = 0.5


async def reach_servers(
    database: Database, settings: TemporalSettings, runtime: Runtime, *, seconds: float
) -> Client:
    """A client of Temporal, once both servers have answered.

    UnavailableError names the one that did not within `seconds`, an ExceptionGroup both.
    """
    postgresql = asyncio.create_task(_reach(database.ping, seconds))
    temporal = asyncio.create_task(
        _reach(lambda timeout: connect(settings, runtime=runtime, timeout=timeout), seconds)
    )
    try:
        await asyncio.wait({postgresql, temporal})
    finally:
        postgresql.cancel()
        temporal.cancel()
    errors = [error for error in (postgresql.exception(), temporal.exception()) if error]
    if len(errors) > 1:
        raise BaseExceptionGroup("PostgreSQL and Temporal cannot be reached", errors)
    await postgresql
    return await temporal


async def _reach(attempt: Callable[[float], Awaitable[T]], seconds: float) -> T:
    """`attempt` until it succeeds, or its last UnavailableError after `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await attempt(min(ATTEMPT_SECONDS, deadline - loop.time()))
        except UnavailableError as error:
            # An attempt that is cut short would only say that there was no answer in time.
            if deadline - loop.time() < POLL_SECONDS + SHORTEST_ATTEMPT_SECONDS:
                raise
            log.warning(f"{error} Trying again.", action="dependency.awaited")
        await asyncio.sleep(POLL_SECONDS)

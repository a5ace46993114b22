"""Runs in the middle of everything finish when a server that went away is back."""

from __future__ import annotations

from pathlib import Path

from tests.services.outages import count_working_time_in_spite_of, finish_in_spite_of
from tests.services.servers import Servers

SECONDS = 5.0


async def test_postgresql_is_away_in_the_middle_of_runs(
    servers: Servers, servers_environ: dict[str, str], folder: Path
) -> None:
    """They wait for their rows, or go on; in the end all rows are there."""
    await finish_in_spite_of(servers, servers_environ, folder, "postgresql", SECONDS)


async def test_temporal_is_away_in_the_middle_of_runs(
    servers: Servers, servers_environ: dict[str, str], folder: Path
) -> None:
    """They go on where its history ends."""
    await finish_in_spite_of(servers, servers_environ, folder, "temporal", SECONDS)


async def test_working_time_is_counted_when_postgresql_is_back(
    servers: Servers, servers_environ: dict[str, str], folder: Path
) -> None:
    """The calendar cannot be read for a while; that delays the wait and does not fail it."""
    await count_working_time_in_spite_of(servers, servers_environ, folder, SECONDS)

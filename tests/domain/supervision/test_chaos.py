"""The short form of what `scripts/chaos --only projects` does for two minutes."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from temporalio.client import Client

from tests.domain.supervision.chaos import TTL, survive
from tests.services.servers import Servers


async def test_no_execution_is_lost(projects_client: Client) -> None:
    """Supervisors paused and killed, processes killed, PostgreSQL restarted: one owner of each
    slot at any time, another one within the lease, and every execution ends."""
    with tempfile.TemporaryDirectory(prefix="alga-test-", ignore_cleanup_errors=True) as name:
        servers = Servers(Path(name))
        try:
            await servers.start_postgres()
            chance = random.Random(1)  # noqa: S311 - repeatable
            found = await survive(
                servers, projects_client, Path(name), chance, projects=4, seconds=4.0
            )
        finally:
            await servers.stop()
    assert found.wrong == []
    assert found.killed_children > 0
    assert found.successions > 0
    # A tick, and the start of processes on a busy machine, on top of the lease.
    assert found.longest_take_over < TTL + TTL / 5 + 5.0

"""Events keep the order in which they were received, also those that are accepted together."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from tests.core.events.inboxes import Inboxes

# How the database joins their rows depends on how many they are.
COUNTS = pytest.mark.parametrize("count", [2, 3, 4, 50])


@COUNTS
async def test_events_that_are_accepted_together_are_found_in_their_order(
    inboxes: Inboxes, count: int
) -> None:
    """By one wait of a run after the other; each has a position of its own, drawn once."""
    run = await inboxes.run()
    staged = [await inboxes.stage(n=n) for n in range(count)]
    await inboxes.accept(*reversed(staged))
    statement = "SELECT position FROM workflow_events WHERE id = ANY(:ids) ORDER BY received_at"
    async with inboxes.storage.database.connect() as connection:
        positions = list(await connection.scalars(text(statement), {"ids": staged}))
    assert positions == list(range(positions[0], positions[0] + count))
    found: list[UUID | None] = []
    for _ in range(min(count, 10)):
        wait = inboxes.wait(run)
        await inboxes.open(run, wait)
        found.append((await inboxes.row(wait)).event_id)
    assert found == staged[: len(found)]

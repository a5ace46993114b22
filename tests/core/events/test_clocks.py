"""What an event is for is decided by the clock of the database, whatever the run's clock says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from alga_workflows_core.temporal.wire import RunIdentity
from tests.core.events.inboxes import Inboxes, match

CLOCKS = pytest.mark.parametrize("year", [2020, 2090], ids=["behind", "ahead"])


async def looked_back(inboxes: Inboxes, run: RunIdentity, year: int, *matches: Any) -> UUID | None:
    """Which event a wait finds that opens now, in this year by the clock of its run."""
    wait = inboxes.wait(run, *matches).model_copy(update={"at": datetime(year, 1, 1, tzinfo=UTC)})
    await inboxes.open(run, wait)
    return (await inboxes.row(wait)).event_id


@CLOCKS
async def test_a_wait_looks_back_to_the_beginning_of_its_run(inboxes: Inboxes, year: int) -> None:
    """What came since is found, what came before is not, unless `lookback` reaches it."""
    before = await inboxes.accepted(n=1)
    run = await inboxes.run()
    assert await looked_back(inboxes, run, year) is None
    other = await inboxes.run()
    since = await inboxes.accepted("b", n=2)
    assert await looked_back(inboxes, other, year, match("b")) == since
    assert await looked_back(inboxes, other, year, match(lookback=60.0)) == before

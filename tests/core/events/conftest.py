"""Fixtures of the tests of events."""

from __future__ import annotations

import pytest_asyncio

from alga_workflows_core.storage.unit_of_work import Storage
from tests.core.events.inboxes import Inboxes
from tests.core.events.stepping import watch


@pytest_asyncio.fixture
async def inboxes(storage: Storage) -> Inboxes:
    """Whose transactions can be stopped; see `stepping`."""
    watch(storage.database)
    return Inboxes(storage)

"""Fixtures of all suites."""

from __future__ import annotations

import gc

import pytest

pytest_plugins = ["alga_workflows_core.testing.plugin"]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Thousands of tests stay in memory until the last has run; nobody has to look at them again
    and again whether they are garbage, and what a test measures does not depend on their number.
    """
    gc.collect()
    gc.freeze()

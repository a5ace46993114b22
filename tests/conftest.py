"""Fixtures of all suites."""

from __future__ import annotations

pytest_plugins = ["alga_workflows_core.testing.plugin"]

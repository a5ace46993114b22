"""What was built and installed, once per test run."""

from __future__ import annotations

import pytest

from tests.architecture.environments import Built, Installed, all_distributions


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Wheels and source archives of all distributions."""
    return Built.make(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def core_alone(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Installed:
    """An environment with core, without extras."""
    folder = tmp_path_factory.mktemp("core-alone")
    return Installed.make(folder, built, extras={"alga-workflows-core": ""})


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Installed:
    """An environment with all five, and the extra that brings the embedded PostgreSQL."""
    folder = tmp_path_factory.mktemp("everything")
    return Installed.make(folder, built, extras=all_distributions())

"""The command in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.cli.command import Command


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`alga-workflows`, called in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Command(tmp_path, capsys)

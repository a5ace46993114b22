"""Histories of every scenario can be replayed, and the workflow asks for the same again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replay.corpus import files, load
from tests.replay.replaying import replay

FILES = files()


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
async def test_histories_replay(path: Path) -> None:
    """Commands are the same in type, order and input."""
    recorded = list(load(path))
    assert recorded
    assert await replay(recorded) == []

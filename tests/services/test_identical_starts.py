"""Starts that are one and the same."""

from __future__ import annotations

from pathlib import Path

from tests.services.identical_starts import one_run

COUNT = 200


async def test_identical_starts_make_one_run(environ: dict[str, str], folder: Path) -> None:
    """With one Idempotency-Key, at once, of two processes: all are answered with the same run.
    `scripts/chaos` asks a thousand times."""
    found = await one_run({**environ, "CHAOS_FOLDER": str(folder)}, COUNT)
    assert found.answered == {found.run: COUNT}

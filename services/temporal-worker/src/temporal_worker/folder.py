"""A folder of Python modules as the files of a bundle, and waiting until it changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alga_workflows_core.errors import InputError

_LOOK_SECONDS = 0.3
_SKIPPED = frozenset({"__pycache__", "node_modules", "venv", "tests"})


def read_folder(folder: Path) -> dict[str, str]:
    """Each `.py` file by its path in the folder. InputError if there is none, or one is no text.

    Folders that begin with a dot, environments and tests are left out.
    """
    files: dict[str, str] = {}
    for path in _modules(folder):
        try:
            files[path.relative_to(folder).as_posix()] = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read as UTF-8: {error}.") from error
    if not files:
        raise InputError(
            f"{folder} has no Python modules.", remedy="Name the folder that they are in."
        )
    return files


async def changed(folder: Path, before: dict[Path, int]) -> dict[Path, int]:
    """The times of its modules, once they are others than `before` and have settled."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = times(folder)
        if now != before:
            # An editor may be in the middle of several files.
            await asyncio.sleep(_LOOK_SECONDS)
            if times(folder) == now:
                return now


def times(folder: Path) -> dict[Path, int]:
    """When each module was last written, in ns; one that goes meanwhile is left out."""
    found: dict[Path, int] = {}
    for path in _modules(folder):
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue
    return found


def _modules(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if path.is_file() and not _is_skipped(path.relative_to(folder))
    ]


def _is_skipped(path: Path) -> bool:
    return any(part.startswith(".") or part in _SKIPPED for part in path.parts)

"""Exports in a folder: `<folder>/<tenant>/<export>/`, with `manifest.json` and a file per table."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

_MANIFEST = "manifest.json"


class FolderExports:
    """Keeps exports in folders that only this user can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def begin(self, tenant: str, export_id: UUID) -> FolderExport:
        """A new one, in a folder that has another name until it is complete."""
        place = self._place(tenant, export_id)
        begun = place.with_name(f".{export_id}.begun")
        await asyncio.to_thread(_empty, begun)
        return FolderExport(begun, place)

    async def manifest(self, tenant: str, export_id: UUID) -> tuple[str, bytes] | None:
        """Place and manifest of an export that is complete."""
        place = self._place(tenant, export_id)
        try:
            return str(place), await asyncio.to_thread((place / _MANIFEST).read_bytes)
        except FileNotFoundError:
            return None

    def _place(self, tenant: str, export_id: UUID) -> Path:
        # A tenant's name has no slash, and does not begin with a dot.
        return self._folder / tenant / str(export_id)


class FolderExport:
    """One export that is being written."""

    def __init__(self, begun: Path, place: Path) -> None:
        self._begun = begun
        self._place = place
        self._file: BinaryIO | None = None

    async def begin_file(self, name: str) -> None:
        """What is written from now on belongs to this file."""
        await asyncio.to_thread(self._end_file)
        self._file = await asyncio.to_thread((self._begun / name).open, "wb")

    async def write(self, content: bytes) -> None:
        """More of the file."""
        if self._file is None:
            raise RuntimeError("no file was begun")
        await asyncio.to_thread(self._file.write, content)

    async def finish(self, manifest: bytes) -> str:
        """On the disk with everything in it, under its own name."""
        await self.begin_file(_MANIFEST)
        await self.write(manifest)
        await asyncio.to_thread(self._end_file)
        await asyncio.to_thread(self._publish)
        return str(self._place)

    def _end_file(self) -> None:
        if self._file is not None:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
            self._file = None

    def _publish(self) -> None:
        _sync(self._begun)
        self._begun.rename(self._place)
        _sync(self._place.parent)


def _empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

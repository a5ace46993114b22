"""Seed packs: what every tenant begins with, as `<folder>/<pack>/<version>.sql` or `.py`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from alga_temporal_domain.storage.unit_of_work import DomainStorage, UnitOfWork
from alga_workflows_core.errors import ConflictError, InputError, NotFoundError, SettingsError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
# A pack that ended the transaction would go on outside of its tenant.
_ENDS_TRANSACTION = re.compile(
    r"(?:^|;)\s*(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b\s*\w*\s*;",
    re.IGNORECASE,
)

Apply: TypeAlias = Callable[["SeedRows"], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPack:
    """One version of a pack. `checksum`: sha256 of its file."""

    name: str
    version: int
    checksum: str
    apply: Apply

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class SeedRows:
    """What a pack works with: a transaction that sees the rows of its tenant alone."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.tenant = work.tenant

    async def execute(self, sql: str) -> None:
        """Run statements. `current_setting('alga.tenant')` is the tenant; InputError if they fail,
        or if they would end the transaction."""
        if _ENDS_TRANSACTION.search(sql):
            raise InputError(
                "A seed pack may not begin or end transactions.",
                code="SEED_INVALID",
                remedy="Leave that to the worker: each pack is one transaction.",
            )
        await self._work.tenants.run_script(sql)


class Seeding:
    """Applies packs to tenants, each one once."""

    def __init__(self, storage: DomainStorage, packs: Sequence[SeedPack]) -> None:
        self._storage = storage
        self._packs = packs

    async def apply(self, tenant: str) -> int:
        """Apply what the tenant does not have, each pack in a transaction; how many.

        ConflictError SEED_CHANGED if a pack that was applied is not the same any more,
        InputError SEED_FAILED if one cannot be applied.
        """
        applied = 0
        for pack in self._packs:
            async with self._storage.unit_of_work(tenant) as work:
                applied += await _apply(work, pack)
        return applied


async def _apply(work: UnitOfWork, pack: SeedPack) -> bool:
    # Who has the row is alone: a second replica waits, and finds the pack applied.
    if await work.tenants.get(lock=True) is None:
        raise NotFoundError(f"There is no tenant {work.tenant}.")
    known = (await work.tenants.seeds.applied()).get((pack.name, pack.version))
    if known is not None and known != pack.checksum:
        raise ConflictError(
            f"Seed pack {pack} was applied to {work.tenant} with other content.",
            code="SEED_CHANGED",
            remedy="Put the file back as it was, and make the change a new version.",
        )
    if known is not None:
        return False
    try:
        await pack.apply(SeedRows(work))
    except InputError as error:
        raise InputError(f"Seed pack {pack}: {error.message}", code="SEED_FAILED") from None
    await work.tenants.seeds.add(pack.name, pack.version, pack.checksum)
    return True


def read_packs(folder: Path | None) -> tuple[SeedPack, ...]:
    """The packs of a folder by name and version; none without one. SettingsError if a file is no
    pack."""
    if folder is None:
        return ()
    if not folder.is_dir():
        raise SettingsError(f"WORKER_TENANT_SEEDS: {folder} is no folder.")
    files = [path for path in sorted(folder.glob("*/*")) if path.suffix in (".sql", ".py")]
    packs = sorted((_read(path) for path in files), key=lambda pack: (pack.name, pack.version))
    for one, other in pairwise(packs):
        if (one.name, one.version) == (other.name, other.version):
            raise SettingsError(f"WORKER_TENANT_SEEDS: there are two files of seed pack {one}.")
    return tuple(packs)


def _read(path: Path) -> SeedPack:
    name, version = path.parent.name, path.stem
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise SettingsError(
            f"WORKER_TENANT_SEEDS: {path} is not <pack>/<version>.sql or .py.",
            remedy="Packs are lower-case words, versions numbers from 1.",
        )
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
        apply = _sql(text) if path.suffix == ".sql" else _python(path, text)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SettingsError(f"WORKER_TENANT_SEEDS: {path} cannot be read: {error}.") from error
    return SeedPack(
        name=name,
        version=int(version),
        checksum=hashlib.sha256(content).hexdigest(),
        apply=apply,
    )


def _sql(text: str) -> Apply:
    async def apply(rows: SeedRows) -> None:
        await rows.execute(text)

    return apply


def _python(path: Path, text: str) -> Apply:
    """`async def apply(rows: SeedRows)` of a module that is run as it was read: what the checksum
    is of."""
    module = ModuleType(f"seed_{path.parent.name}_{path.stem}")
    exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102 (the operator's own code)
    apply = getattr(module, "apply", None)
    if apply is None:
        raise SettingsError(f"WORKER_TENANT_SEEDS: {path} has no `async def apply(rows)`.")
    return apply

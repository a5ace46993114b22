"""Turns the builder's rows of a project into a bundle, and activates it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from alga_temporal_domain.projects.bundles import MOST_CHARACTERS, Bundle, Limits, Manifest
from alga_temporal_domain.projects.compiled_modules import modules_of
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.judging import Names, Package, Reads
from alga_temporal_domain.projects.publishing import Activation, Publishing, as_json, found
from alga_temporal_domain.storage.compiled_code import CompiledCodeRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import AlgaError, FindingsError, InputError, UnavailableError

log = structlog.get_logger()

AT_MOST = 20
REASON = "collected from workflow_compiled_code"

Found = dict[UUID, list[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What became of a project's rows. `findings`: by the row's id; no hash if none could be used,
    or if one of them is wrong."""

    bundle_hash: str | None
    findings: Found


class Collector:
    """Looks after the rows of all projects. `limits`: those of bundles made here."""

    def __init__(
        self,
        *,
        storage: DomainStorage,
        publishing: Publishing,
        reads: Reads,
        limits: Limits,
    ) -> None:
        self._storage = storage
        self._publishing = publishing
        self._reads = reads
        self._limits = limits

    async def collect_due(self) -> None:
        """Collect each project whose rows have changed."""
        due = await self._storage.projects_to_collect(AT_MOST)
        # Beside each other, as the code of one may take its time to be looked at.
        done = await asyncio.gather(*(self._collect_one(*one) for one in due))
        for error in filter(None, done):
            raise error

    async def _collect_one(self, tenant: str, project_id: UUID) -> UnavailableError | None:
        try:
            await self.collect(tenant, project_id)
        except UnavailableError as error:
            return error
        except AlgaError as error:
            # One project's trouble must not hold up the others; it is tried again.
            log.warning(
                f"A project's rows were not collected: {error}",
                action="project.not_collected",
                project=str(project_id),
            )
        return None

    async def collect(self, tenant: str, project_id: UUID) -> Collected:
        """Publish and activate what the project's active rows are now, and say so in them.

        Rows in other languages are left out. If another row is wrong, what was active stays so.
        """
        async with self._storage.unit_of_work(tenant) as work:
            seq = (await found(work, project_id)).code_seq
            rows = await work.compiled_code.active(project_id)
        ours = [row for row in rows if row.is_python]
        findings: Found = defaultdict(list)
        for row in rows:
            if not row.is_python:
                findings[row.id].append(_unsupported(row))
        bundle = await self._bundle(ours, findings)
        bundle_hash = None
        if bundle is not None:
            bundle_hash = await self._activate(tenant, project_id, bundle, ours, findings)
        await self._tell(tenant, project_id, seq, ours, bundle_hash, findings)
        return Collected(bundle_hash=bundle_hash, findings=dict(findings))

    async def _bundle(self, rows: list[CompiledCodeRow], findings: Found) -> Bundle | None:
        files: dict[str, str] = {}
        names: dict[UUID, Names] = {}
        for row, package in zip(rows, await self._read(rows), strict=True):
            if isinstance(package.read, Names):
                names[row.id] = package.read
            else:
                findings[row.id].extend(package.read)
            files.update(package.files)
        _find_duplicates(names, findings)
        if not rows or any(row.id in findings for row in rows):
            return None
        try:
            return Bundle(
                manifest=Manifest(
                    workflows=tuple(name for each in names.values() for name in each.workflows),
                    activities=tuple(name for each in names.values() for name in each.activities),
                    limits=self._limits,
                ),
                files=files,
            )
        except ValueError as error:
            for row in rows:
                findings[row.id].append(_no_bundle(error))
            return None

    async def _read(self, rows: list[CompiledCodeRow]) -> Sequence[Package]:
        texts = [
            modules_of(row.workflow_id, row.workflow_code, row.activities_code) for row in rows
        ]
        characters = sum(len(text) for each in texts for text in each.values())
        if characters > MOST_CHARACTERS:
            return [Package(files=each, read=(_too_large(characters),)) for each in texts]
        return await self._reads.packages(texts) if texts else ()

    async def _activate(
        self,
        tenant: str,
        project_id: UUID,
        bundle: Bundle,
        rows: list[CompiledCodeRow],
        findings: Found,
    ) -> str | None:
        actor = rows[-1].compiled_by
        try:
            published = await self._publishing.publish(tenant, project_id, bundle, actor)
        except FindingsError as error:
            _blame(error, rows, findings)
            return None
        wish = Activation(hash=published.hash, actor=actor, reason=REASON)
        await self._publishing.activate(tenant, project_id, wish)
        return published.hash

    async def _tell(
        self,
        tenant: str,
        project_id: UUID,
        seq: int,
        ours: list[CompiledCodeRow],
        bundle_hash: str | None,
        findings: Found,
    ) -> None:
        async with self._storage.unit_of_work(tenant) as work:
            for row_id, listed in findings.items():
                await work.compiled_code.came_of_it(
                    [row_id], bundle_hash=None, findings=as_json(listed)
                )
            if bundle_hash is not None:
                await work.compiled_code.came_of_it(
                    [row.id for row in ours], bundle_hash=bundle_hash, findings=None
                )
            await work.projects.collected(project_id, seq)


def _find_duplicates(names: dict[UUID, Names], findings: Found) -> None:
    for kind in ("workflows", "activities"):
        holders: dict[str, list[UUID]] = defaultdict(list)
        for row_id, each in names.items():
            for name in getattr(each, kind):
                holders[name].append(row_id)
        for name, row_ids in holders.items():
            if len(row_ids) > 1:
                for row_id in row_ids:
                    findings[row_id].append(_duplicate(kind, name))


def _duplicate(kind: str, name: str) -> Finding:
    what = "workflow" if kind == "workflows" else "activity"
    return Finding(
        rule=Rule.NAME_DUPLICATE,
        message=f"Another workflow of the project defines the {what} {name!r} too; rename one.",
    )


def _unsupported(row: CompiledCodeRow) -> Finding:
    written = row.language or "TypeScript, by its package_json or tsconfig_json"
    return Finding(
        rule=Rule.UNSUPPORTED_LANGUAGE,
        message=f"The code is kept, but workers run Python alone; this is {written}.",
    )


def _too_large(characters: int) -> Finding:
    return Finding(
        rule=Rule.TOO_LARGE,
        message=f"The project's active code has {characters} characters together; "
        f"{MOST_CHARACTERS} are allowed.",
    )


def _no_bundle(error: ValueError) -> Finding:
    last = str(error).strip().splitlines()[-1] if str(error).strip() else "it is no bundle"
    return Finding(rule=Rule.LOAD_FAILED, message=f"The project's code is no bundle: {last}")


def _blame(error: InputError, rows: list[CompiledCodeRow], findings: Found) -> None:
    """Findings belong to the row whose package they name; those without a path to every row."""
    for listed in error.details["findings"]:
        finding = Finding.model_validate(listed)
        package = (finding.path or "").partition("/")[0]
        owners = [row for row in rows if package == f"w_{row.workflow_id.hex}"] or rows
        for row in owners:
            findings[row.id].append(finding)

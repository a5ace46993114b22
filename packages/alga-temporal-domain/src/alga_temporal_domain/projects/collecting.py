"""Turns the builder's rows of a project into a bundle, and activates it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from alga_temporal_domain.projects.bundles import MOST_CHARACTERS, Bundle, Limits, Manifest
from alga_temporal_domain.projects.compiled_modules import modules_of
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.judging import Names, Package, Reads
from alga_temporal_domain.projects.publishing import Activation, Publishing, as_json, found
from alga_temporal_domain.projects.row_findings import (
    duplicate,
    held_up,
    is_in,
    no_bundle,
    unread,
    unsupported,
)
from alga_temporal_domain.storage.compiled_code import CompiledCodeRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import AlgaError, FindingsError, InputError, UnavailableError

log = structlog.get_logger()

AT_MOST = 20
REASON = "collected from workflow_compiled_code"

Found = dict[UUID, list[Finding]]

_MILD = frozenset({Rule.UNSUPPORTED_LANGUAGE, Rule.NOT_READ, Rule.HELD_UP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What became of a project's rows. `findings`: by the row's id, with warnings; no hash if none
    could be used, or if one of them is wrong."""

    bundle_hash: str | None
    findings: Found

    @property
    def fault(self) -> Finding | None:
        """What is in the way of all; of rows that are left out only if there are no others."""
        if self.bundle_hash is not None:
            return None
        listed = [each for of_row in self.findings.values() for each in of_row]
        worst = [each for each in listed if each.rule not in _MILD]
        return next(iter(worst or listed), None)


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
                findings[row.id].append(unsupported(row))
        packages = await self._read(ours)
        bundle = self._bundle(ours, packages, findings)
        if bundle is not None:
            bundle = await self._activate(tenant, project_id, bundle, ours, findings)
        in_force = bundle or await self._publishing.active(tenant, project_id)
        became = {
            row.id: in_force.hash
            for row, package in zip(ours, packages, strict=True)
            if in_force is not None and is_in(in_force, package.files)
        }
        if bundle is None:
            _hold_up(ours, in_force, became, findings)
        for row in ours:
            if warnings := unread(row):
                findings[row.id].extend(warnings)
        await self._tell(tenant, project_id, seq, rows, became, findings)
        bundle_hash = None if bundle is None else bundle.hash
        return Collected(bundle_hash=bundle_hash, findings=dict(findings))

    def _bundle(
        self, rows: list[CompiledCodeRow], packages: Sequence[Package], findings: Found
    ) -> Bundle | None:
        files: dict[str, str] = {}
        names: dict[UUID, Names] = {}
        for row, package in zip(rows, packages, strict=True):
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
                findings[row.id].append(no_bundle(error))
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
    ) -> Bundle | None:
        actor = rows[-1].compiled_by
        try:
            published = await self._publishing.publish(tenant, project_id, bundle, actor)
        except FindingsError as error:
            _blame(error, rows, findings)
            return None
        wish = Activation(hash=published.hash, actor=actor, reason=REASON)
        await self._publishing.activate(tenant, project_id, wish)
        return bundle

    async def _tell(
        self,
        tenant: str,
        project_id: UUID,
        seq: int,
        rows: list[CompiledCodeRow],
        became: dict[UUID, str],
        findings: Found,
    ) -> None:
        async with self._storage.unit_of_work(tenant) as work:
            for row in rows:
                listed = findings.get(row.id)
                await work.compiled_code.came_of_it(
                    row.id,
                    bundle_hash=became.get(row.id),
                    findings=as_json(listed) if listed else None,
                )
            await work.projects.collected(project_id, seq)


def _hold_up(
    rows: list[CompiledCodeRow],
    in_force: Bundle | None,
    became: Mapping[UUID, str],
    findings: Found,
) -> None:
    """Say in rows that are right, and are not in force as they are, which one is wrong."""
    wrong = next(((row, findings[row.id][0]) for row in rows if row.id in findings), None)
    if wrong is None:
        return
    for row in rows:
        if row.id not in findings and row.id not in became:
            findings[row.id].append(held_up(row, in_force, *wrong))


def _find_duplicates(names: dict[UUID, Names], findings: Found) -> None:
    for kind in ("workflows", "activities"):
        holders: dict[str, list[UUID]] = defaultdict(list)
        for row_id, each in names.items():
            for name in getattr(each, kind):
                holders[name].append(row_id)
        for name, row_ids in holders.items():
            if len(row_ids) > 1:
                for row_id in row_ids:
                    findings[row_id].append(duplicate(kind, name))


def _too_large(characters: int) -> Finding:
    return Finding(
        rule=Rule.TOO_LARGE,
        message=f"The project's active code has {characters} characters together; "
        f"{MOST_CHARACTERS} are allowed.",
    )


def _blame(error: InputError, rows: list[CompiledCodeRow], findings: Found) -> None:
    """Findings belong to the row whose package they name; those without a path to every row."""
    for listed in error.details["findings"]:
        finding = Finding.model_validate(listed)
        package = (finding.path or "").partition("/")[0]
        owners = [row for row in rows if package == f"w_{row.workflow_id.hex}"] or rows
        for row in owners:
            findings[row.id].append(finding)

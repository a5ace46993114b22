"""Keeps bundles, and says which one new executions begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError

from alga_temporal_domain.projects.bundles import Bundle, Limits, Manifest, hashed, stored
from alga_temporal_domain.projects.findings import Finding, hash_mismatch
from alga_temporal_domain.projects.judging import Judges, Names, Reads
from alga_temporal_domain.projects.turns import Turns
from alga_temporal_domain.storage.bundles import ActivationRow
from alga_temporal_domain.storage.projects import ProjectRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage, UnitOfWork
from alga_workflows_core.errors import ConflictError, FindingsError, InputError, NotFoundError

log = structlog.get_logger()

PINNED = "PINNED"
AUTO_UPGRADE = "AUTO_UPGRADE"

_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A bundle that is kept; `created` is false where it was before."""

    hash: str
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """What is to be activated. `ramp_percent`: of the new executions. `expected_seq`: the number of
    the latest activation that the caller knows of, 0 for none; None: whichever."""

    hash: str
    mode: str = PINNED
    ramp_percent: int = 100
    expected_seq: int | None = None
    actor: str
    reason: str | None = None


class Publishing:
    """The bundles of projects. `limits`: of bundles that come without a manifest.

    Of each project one bundle is looked at at a time, whatever time that takes.
    """

    def __init__(
        self, *, storage: DomainStorage, reads: Reads, judges: Judges, limits: Limits
    ) -> None:
        self._storage = storage
        self._reads = reads
        self._judges = judges
        self._limits = limits
        self._turns = Turns()

    async def bundle_of(self, tenant: str, project_id: UUID, files: dict[str, str]) -> Bundle:
        """Modules with the manifest that they have by what they define. FindingsError if one cannot
        be read, InputError if they are no bundle."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id)
        try:
            empty = Bundle(manifest=Manifest.model_validate({"limits": self._limits}), files=files)
            await hashed(empty)
            async with self._turns.of((tenant, project_id)):
                read = await self._reads.names(empty.files)
            if not isinstance(read, Names):
                raise _refusal(read)
            manifest = Manifest(
                workflows=read.workflows, activities=read.activities, limits=self._limits
            )
        except ValidationError as error:
            raise not_a_bundle(error) from error
        return Bundle(manifest=manifest, files=empty.files)

    def bundle_with(self, files: dict[str, str], manifest: dict[str, Any]) -> Bundle:
        """Modules with a manifest of their own; limits that it does not have are ours. InputError
        if they are no bundle."""
        try:
            limited = Manifest.model_validate({"limits": self._limits, **manifest})
            return Bundle(manifest=limited, files=files)
        except ValidationError as error:
            raise not_a_bundle(error) from error

    async def publish(self, tenant: str, project_id: UUID, bundle: Bundle, actor: str) -> Published:
        """Keep `bundle`, unless it is kept already. FindingsError says why it cannot be run,
        ConflictError (`TOO_MANY_BUNDLES`) that too many of the project's are to be looked at."""
        await hashed(bundle)
        async with self._storage.unit_of_work(tenant) as work:
            project = await found(work, project_id)
            known = await work.bundles.content(project_id, bundle.hash)
        if known is not None:
            return Published(hash=bundle.hash, created=False)
        async with self._turns.of((tenant, project_id)):
            refuse(await self._judges.judge(bundle, project.task_queue_name))
        content = bundle.model_dump(mode="json", by_alias=True)
        async with self._storage.unit_of_work(tenant) as work:
            created = await work.bundles.add(
                project_id,
                bundle.hash,
                manifest=content["manifest"],
                files=content["files"],
                actor=actor,
            )
        log.info(
            "A bundle was published.",
            action="bundle.published",
            project=str(project_id),
            hash=bundle.hash,
            created=created,
        )
        return Published(hash=bundle.hash, created=created)

    async def activate(self, tenant: str, project_id: UUID, wish: Activation) -> ActivationRow:
        """Have new executions begin with a bundle: any that was ever published, at once.

        What is active already stays as it is. ConflictError (`ACTIVATION_CONFLICT`) if somebody was
        quicker than `expected_seq` knows; FindingsError if what is stored is not what was
        published. Supervisors hear of it from the database.
        """
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id, lock=True)
            await self._stored(work, project_id, wish.hash)
            latest = (await work.bundles.activations(project_id, 1) or [None])[0]
            if latest is not None and _is_active(latest, wish):
                return latest
            row = await self._next(work, project_id, latest, wish)
        log.info(
            "A bundle was activated.",
            action="bundle.activated",
            project=str(project_id),
            hash=row.hash,
            seq=row.seq,
            actor=row.actor,
        )
        return row

    async def bundle(self, tenant: str, project_id: UUID, bundle_hash: str) -> Bundle:
        """What was published under this hash. NotFoundError; FindingsError if it was changed."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id)
            return await self._stored(work, project_id, bundle_hash)

    async def active(self, tenant: str, project_id: UUID) -> Bundle | None:
        """The bundle that all, or else most, new executions begin with."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id)
            rows = await work.bundles.activations(project_id, 1)
            return await self._stored(work, project_id, rows[0].hash) if rows else None

    async def _stored(self, work: UnitOfWork, project_id: UUID, bundle_hash: str) -> Bundle:
        content = await work.bundles.content(project_id, bundle_hash)
        if content is None:
            raise NotFoundError(
                f"The project has no bundle {bundle_hash[:_SHORT]}…",
                remedy="Publish it first; GET …/bundles lists those that were.",
            )
        bundle = await stored(content, bundle_hash)
        if bundle is None:
            raise _refusal([hash_mismatch(bundle_hash)])
        return bundle

    async def _next(
        self, work: UnitOfWork, project_id: UUID, latest: ActivationRow | None, wish: Activation
    ) -> ActivationRow:
        seq = 0 if latest is None else latest.seq
        if wish.expected_seq is not None and wish.expected_seq != seq:
            raise _quicker(latest)
        if wish.ramp_percent < 100 and latest is None:
            raise InputError(
                "Nothing is active yet that the other executions could begin with.",
                path="/rampPercent",
                remedy="Activate a first bundle with rampPercent 100.",
            )
        row = await work.bundles.activate(
            project_id,
            wish.hash,
            seq=seq + 1,
            mode=wish.mode,
            ramp_percent=wish.ramp_percent,
            actor=wish.actor,
            reason=wish.reason,
        )
        if row is None:
            raise _quicker(latest)
        return row


async def found(work: UnitOfWork, project_id: UUID, *, lock: bool = False) -> ProjectRow:
    """The project; NotFoundError if the tenant has none with this id."""
    project = await work.projects.get(project_id, lock=lock)
    if project is None:
        raise NotFoundError(
            f"There is no project {project_id}.", remedy="GET /v1/projects lists them."
        )
    return project


def refuse(findings: Sequence[Finding]) -> None:
    """FindingsError (`BUNDLE_INVALID`) with the findings, if there are any."""
    if findings:
        raise _refusal(findings)


def _refusal(findings: Sequence[Finding]) -> FindingsError:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    first = findings[0]
    return FindingsError(
        f"The bundle cannot be run: {first.message}{more}",
        code="BUNDLE_INVALID",
        path=first.path,
        remedy="Correct what the findings say and publish again.",
        details={"findings": as_json(findings)},
    )


def not_a_bundle(error: ValidationError) -> InputError:
    """What is wrong with the shape of files or manifest."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = "/".join(str(part) for part in first["loc"])
    return InputError(
        f"These files are no bundle: {first['msg'].removeprefix('Value error, ')}.",
        code="BUNDLE_MALFORMED",
        path=f"/{where}" if where else None,
        remedy="A bundle has 1 to 100 modules, each with a path such as billing/steps.py.",
    )


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings as API and rows show them."""
    return [finding.model_dump(mode="json", by_alias=True) for finding in findings]


def _is_active(latest: ActivationRow, wish: Activation) -> bool:
    asked = (wish.hash, wish.mode, wish.ramp_percent)
    return (latest.hash, latest.mode, latest.ramp_percent) == asked


def _quicker(latest: ActivationRow | None) -> ConflictError:
    now = "nothing" if latest is None else f"{latest.hash[:_SHORT]}… by {latest.actor}"
    seq = 0 if latest is None else latest.seq
    return ConflictError(
        f"Somebody was quicker: activation {seq} is {now}.",
        code="ACTIVATION_CONFLICT",
        path="/ifSeq",
        remedy="Look at the activations, and activate again if that is still wanted.",
        details={"seq": seq, "hash": None if latest is None else latest.hash},
    )

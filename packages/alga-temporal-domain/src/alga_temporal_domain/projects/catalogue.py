"""Projects: made, listed, sized."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from alga_temporal_domain.projects.publishing import found
from alga_temporal_domain.storage.bundles import ActivationRow, BundleRow
from alga_temporal_domain.storage.projects import ProjectRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import InputError

# So that what a tenant calls a key gives an id that no other tenant's key gives.
_KEYS = UUID("0b1a3c0e-7a57-4c8e-9b3c-0f7f7d2f6a11")


class ProjectCatalogue:
    """The projects of all tenants."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage

    async def create(
        self,
        tenant: str,
        *,
        name: str,
        description: str | None,
        queue: str | None,
        actor: str,
        key: str | None,
    ) -> tuple[ProjectRow, bool]:
        """A project, and whether it is new: the same `key` gives the same one again.

        ConflictError if the actor has one of that name, or another project that queue.
        """
        project_id = uuid4() if key is None else uuid5(_KEYS, f"{tenant}\x1f{key}")
        async with self._storage.unit_of_work(tenant) as work:
            known = None if key is None else await work.projects.get(project_id)
            if known is not None:
                return known, False
            made = await work.projects.add(
                project_id, name=name, description=description, actor=actor, queue=queue
            )
            return made, True

    async def get(self, tenant: str, project_id: UUID) -> ProjectRow:
        """NotFoundError if the tenant has none with this id."""
        async with self._storage.unit_of_work(tenant) as work:
            return await found(work, project_id)

    async def page(
        self, tenant: str, after: tuple[datetime, UUID] | None, at_most: int
    ) -> list[ProjectRow]:
        """The newest first."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.projects.page(after, at_most)

    async def resize(
        self,
        tenant: str,
        project_id: UUID,
        *,
        slots: int | None,
        most_slots: int | None,
        idle_seconds: int | None,
        idle_given: bool,
        limits: Mapping[str, int | None],
    ) -> ProjectRow:
        """Change what is given, of `limits` those that are there (`activities`, `workflows`,
        `memory_mb`; None: the bundle's). InputError if there would be more slots than at most."""
        async with self._storage.unit_of_work(tenant) as work:
            now = await found(work, project_id, lock=True)
            few = now.slots if slots is None else slots
            most = now.most_slots if most_slots is None else most_slots
            if few > most:
                raise InputError(
                    f"There cannot be {few} slots where {most} are the most.",
                    path="/slots",
                    remedy="Raise mostSlots as well.",
                )
            await work.projects.size(
                project_id,
                slots=few,
                most_slots=most,
                idle_seconds=idle_seconds if idle_given else now.idle_seconds,
            )
            if limits:
                await work.projects.limit(
                    project_id,
                    activities=limits.get("activities", now.limit_activities),
                    workflows=limits.get("workflows", now.limit_workflows),
                    memory_mb=limits.get("memory_mb", now.limit_memory_mb),
                )
            return await found(work, project_id)

    async def bundles(
        self, tenant: str, project_id: UUID, after: tuple[datetime, str] | None, at_most: int
    ) -> list[BundleRow]:
        """What was published, the newest first."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id)
            return await work.bundles.page(project_id, after, at_most)

    async def activations(
        self, tenant: str, project_id: UUID, before: int | None, at_most: int
    ) -> list[ActivationRow]:
        """What was activated, the latest first."""
        async with self._storage.unit_of_work(tenant) as work:
            await found(work, project_id)
            return await work.bundles.activations(project_id, at_most, before=before)

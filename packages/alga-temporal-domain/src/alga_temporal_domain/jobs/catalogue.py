"""The jobs that a tenant may enqueue: this process's, and those of the tenant's own hosts."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from alga_temporal_domain.jobs.contracts import (
    ConcurrencyOptions,
    RetryOptions,
    Seconds,
)
from alga_temporal_domain.jobs.names import JOB_NAME
from alga_temporal_domain.jobs.registry import Job, JobRegistry, http_job, unknown_job
from alga_temporal_domain.storage.job_hosts import HandlerRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import ConflictError, InputError, NotFoundError
from alga_workflows_core.types.model import Model, Prose


class HostDefinition(Model):
    """A job that a tenant's host performs. `secret` names a secret of the tenant."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s#]+$", max_length=2000)]
    secret: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,127}$")]
    timeout: Seconds = 600.0
    request_timeout: Annotated[float, Field(gt=0, le=600)] = 30.0
    heartbeat: Seconds | None = None
    retry: RetryOptions = RetryOptions()
    concurrency: ConcurrencyOptions | None = None
    description: Annotated[Prose, Field(max_length=2000)] = ""

    def job(self, name: str) -> Job[Any, Any]:
        """The job of this name."""
        limit = self.concurrency
        return http_job(
            name,
            self.url,
            secret=self.secret,
            timeout=self.timeout,
            request_timeout=self.request_timeout,
            retry=self.retry,
            heartbeat=self.heartbeat,
            concurrency_key=None if limit is None else limit.key,
            concurrency=1 if limit is None else limit.limit,
            description=self.description,
        )


class JobCatalogue:
    """Finds jobs by name."""

    def __init__(self, registry: JobRegistry, storage: DomainStorage) -> None:
        self._registry = registry
        self._storage = storage

    async def find(self, tenant: str, name: str) -> Job[Any, Any]:
        """InputError `JOB_UNKNOWN`, with what was probably meant. PostgreSQL is asked only for
        names that this process does not know."""
        found = self._registry.find(name)
        if found is not None:
            return found
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.job_hosts.get(name) if re.fullmatch(JOB_NAME, name) else None
            others = await work.job_hosts.all() if row is None else []
        if row is not None:
            return _job(row)
        known = [*(each.name for each in self._registry.jobs), *(each.name for each in others)]
        raise unknown_job(name, known)

    async def all(self, tenant: str) -> list[Job[Any, Any]]:
        """By name; a name of this process hides one of the tenant's hosts."""
        async with self._storage.unit_of_work(tenant) as work:
            rows = await work.job_hosts.all()
        jobs = [_job(row) for row in rows if self._registry.find(row.name) is None]
        return sorted([*self._registry.jobs, *jobs], key=lambda each: each.name)

    async def hosts(self, tenant: str) -> list[HandlerRow]:
        """What the tenant has registered, by name."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.job_hosts.all()

    async def put_host(
        self, tenant: str, name: str, definition: HostDefinition, actor: str
    ) -> tuple[HandlerRow, bool]:
        """Register a host's job, or change it for jobs from now on; whether it is new."""
        if not re.fullmatch(JOB_NAME, name):
            raise InputError(
                "A job's name has 1 to 100 lower-case letters, digits and any of . : - _, a letter "
                "first.",
                code="JOB_NAME_INVALID",
                path="name",
            )
        if self._registry.find(name) is not None:
            raise ConflictError(
                f"The job {name} is performed by this service.",
                code="JOB_EXISTS",
                remedy="Give the host's job another name.",
            )
        async with self._storage.unit_of_work(tenant) as work:
            created = await work.job_hosts.put(
                name, definition=definition.model_dump(mode="json", by_alias=True), actor=actor
            )
            row = await work.job_hosts.get(name)
        if row is None:
            raise NotFoundError(f"The job {name} was removed meanwhile.")
        return row, created

    async def remove_host(self, tenant: str, name: str) -> None:
        """Jobs that are under way stay as they are."""
        async with self._storage.unit_of_work(tenant) as work:
            if not await work.job_hosts.remove(name):
                raise NotFoundError(f"There is no host's job {name[:100]!r}.")


def _job(row: HandlerRow) -> Job[Any, Any]:
    return HostDefinition.model_validate(row.definition).job(row.name)

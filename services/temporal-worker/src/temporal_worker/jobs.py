"""Jobs of this process, with its settings and the jobs of installed distributions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from alga_temporal_domain.jobs.entry_points import installed_jobs
from alga_temporal_domain.jobs.family import JobFamily, JobMeans, job_family
from alga_temporal_domain.jobs.ports import NeverSuspended, TenantState
from alga_temporal_domain.jobs.registry import Job, JobRegistry
from alga_workflows_core.infra.secrets.environment import EnvironmentSecrets
from temporal_worker.base import Parts


def jobs_of(
    parts: Parts, *, tenants: TenantState | None = None, jobs: Iterable[Job[Any, Any]] = ()
) -> JobFamily:
    """The family of jobs: `jobs`, and those that installed distributions bring.

    SettingsError if one of these is broken. Without `tenants` no tenant is ever suspended.
    """
    settings = parts.settings
    return job_family(
        JobMeans(
            storage=parts.storage,
            client=parts.domain_client,
            address=settings.temporal.address,
            http=parts.guarded_http,
            secrets=EnvironmentSecrets(os.environ),
            registry=JobRegistry([*jobs, *installed_jobs()]),
            settings=settings.jobs,
            tenants=tenants or NeverSuspended(),
        )
    )

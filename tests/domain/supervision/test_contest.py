"""Whatever happens to supervisors, no slot has two, and none is left without for long."""

from __future__ import annotations

import random
from pathlib import Path

from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.settings import DatabaseSettings
from tests.domain.supervision.contest import contend

TTL = 2.0


async def test_no_slot_is_owned_twice(
    domain_storage: DomainStorage, domain_settings: DatabaseSettings, tmp_path: Path
) -> None:
    """Three supervisors: one stopped past its lease and resumed, one killed."""
    found = await contend(
        domain_storage,
        domain_settings.url.get_secret_value(),
        tmp_path / "traces",
        random.Random(1),  # noqa: S311 - repeatable
        projects=6,
        seconds=1.0,
        ttl=TTL,
    )
    assert found.wrong == []
    assert found.tenures > found.projects
    # The lease, a tick, and a process's start on a busy machine.
    assert found.longest_take_over < TTL + TTL / 5 + 2.0

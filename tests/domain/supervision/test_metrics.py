"""What a supervisor tells Prometheus of what went wrong."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry, generate_latest

from alga_temporal_domain.projects.durations import BUCKETS, bucket_of
from alga_temporal_domain.projects.process.statistics import ActivityCounts, Stats
from alga_temporal_domain.projects.supervision.leases import Leases
from alga_temporal_domain.projects.supervision.metrics import SupervisionMetrics
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.storage.counted import count
from alga_temporal_domain.storage.slots import SlotKey
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.settings import DatabaseSettings
from tests.domain.scraped import Scraped
from tests.domain.supervision.sleepers import Sleepers
from tests.domain.supervision.supervising import means, supervised
from tests.domain.supervision.test_supervisor import eventually, states
from tests.domain.supervision.world import bundle, project

SETTINGS = SupervisionSettings(ttl=1.0, tick=0.2, margin=0.3)


def scraped(registry: CollectorRegistry) -> Scraped:
    return Scraped(generate_latest(registry).decode())


def told(ms: float, *, ok: int = 0, failed: int = 0) -> Stats:
    """A process that has executed one activity so often."""
    histogram = [0] * BUCKETS
    histogram[bucket_of(ms)] = ok + failed
    counts = ActivityCounts(ok=ok, failed=failed, sum_ms=ms * (ok + failed), histogram=histogram)
    return Stats(
        seconds=2.0,
        activities={"a": counts},
        workflows={},
        cpu_seconds=1.0,
        rss_mb=3.0,
        running_activities=2,
        lag_ms=0.0,
    )


async def test_what_goes_wrong_is_counted(
    domain_storage: DomainStorage, domain_settings: DatabaseSettings, tmp_path: Path
) -> None:
    """Restarts after crashes, quarantine, and a slot whose former holder has gone silent."""
    registry = CollectorRegistry()
    metrics = SupervisionMetrics(registry)
    taken = await project(domain_storage, bundle("good"))
    assert len(await Leases(domain_storage, SETTINGS, holder="gone").claim()) == 1
    bad = await project(domain_storage, bundle("bad"))
    crashing = await project(domain_storage, bundle("crash"))
    of = means(domain_storage, SETTINGS, Sleepers(tmp_path), metrics=metrics)
    async with supervised(of, domain_settings):
        await states(domain_storage, taken, "ready")
        await states(domain_storage, bad, "quarantined")

        async def given_up() -> bool:
            return scraped(registry).value("alga_project_quarantines_total") == 2

        await eventually(given_up)
        async with domain_storage.transaction() as connection:
            metrics.counted(await count(connection))
        await states(domain_storage, crashing, *["crashed"] * 4, "quarantined")
    now = scraped(registry)
    assert now.value("alga_project_lease_takeovers_total") == 1
    assert now.value("alga_project_process_starts_total", cause="wanted") == 3
    assert now.value("alga_project_process_starts_total", cause="crashed") == 4
    assert now.value("alga_project_process_ends_total", kind="bad_bundle") == 1
    assert now.value("alga_project_process_ends_total", kind="crashed") == 5
    assert now.value("alga_project_process_ends_total", kind="wanted") == 1
    assert now.value("alga_projects", desired="running", observed="running") == 1
    assert now.value("alga_projects", desired="running", observed="quarantined") == 2
    assert now.value("alga_project_processes", state="ready") == 1
    assert now.value("alga_project_processes", state="draining") == 0


def test_series_are_bounded() -> None:
    """By the projects of this process; a slot's two versions are one series, and it goes with
    them."""
    registry = CollectorRegistry()
    metrics = SupervisionMetrics(registry, most_projects=2)
    projects = [UUID(int=number) for number in range(3)]
    instances = [uuid4(), uuid4()]
    for project_id in projects:
        key = SlotKey(project_id, "old", 0)
        metrics.heard(key, instances[0], told(2.0, ok=3, failed=1))
        metrics.heard(key._replace(hash="new"), instances[1], told(20.0, ok=1))
    now = scraped(registry)
    last = {"project": str(projects[2])}
    assert now.value("alga_project_worker_memory_bytes", **last, slot="0") == 6 * 1024 * 1024
    assert now.value("alga_project_worker_cpu_cores", **last, slot="0") == 1.0
    assert now.value("alga_project_worker_activities", **last, slot="0") == 4
    assert now.value("alga_project_activities_total", **last, outcome="ok") == 4
    assert now.value("alga_project_activities_total", **last, outcome="failed") == 1
    assert (
        now.value("alga_project_activities_total", project=str(projects[0]), outcome="ok") is None
    )
    assert now.value("alga_project_activity_seconds_count") == 15
    assert now.value("alga_project_activity_seconds_bucket", le="0.0028561") == 12
    assert round(now.value("alga_project_activity_seconds_sum") or 0, 6) == 3 * 0.028
    assert now.labels("alga_project") <= {"project", "slot", "outcome", "le"}
    metrics.ended(instances[0], "wanted")
    metrics.given_up(SlotKey(projects[2], "new", 0))
    assert scraped(registry).value("alga_project_worker_activities", **last, slot="0") is None

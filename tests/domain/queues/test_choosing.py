"""Which queues are polled, how much of each at a time, and what is in the table."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from alga_temporal_domain.queues.chosen import KNOWN, chosen_queues
from alga_temporal_domain.queues.limits import Slots, parse_slots
from alga_temporal_domain.queues.names import workflow_name
from alga_temporal_domain.queues.settings import QueueSettings
from alga_temporal_domain.queues.spec import EMAIL_DOMAINS, JOBS, PORTAL_DOMAINS, SLA, TENANTS
from alga_temporal_domain.queues.table import QueueTable
from alga_temporal_domain.schedules.desired import DesiredSchedule
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.settings import load
from temporal_worker.settings import ServiceSettings
from tests.domain.queues.tiny import QUEUES

KEY = base64.b64encode(bytes(32)).decode()
ENOUGH = {"DATABASE_URL": "postgresql://h/d", "TEMPORAL_PAYLOAD_KEYS": f"k:{KEY}"}


def test_the_names_that_callers_use() -> None:
    """The queues are called as those who put work on them know them."""
    assert KNOWN == (
        "tenant-workflows",
        "portal-domain-workflows",
        "email-domain-workflows",
        "alga-jobs",
        "sla-workflows",
    )


@pytest.mark.parametrize(
    ("several", "one", "chosen"),
    [
        (None, None, KNOWN),
        ("tenant-workflows", None, (TENANTS, JOBS, SLA)),
        (None, " sla-workflows , tenant-workflows ,,", (SLA, TENANTS, JOBS)),
        ("alga-jobs,alga-jobs,email-domain-workflows", "x", (JOBS, EMAIL_DOMAINS, SLA)),
        ("sla-workflows,alga-jobs", "tenant-workflows", (SLA, JOBS)),
    ],
)
def test_queues_are_chosen(several: str | None, one: str | None, chosen: tuple[str, ...]) -> None:
    """The plural goes before the singular; trimmed, each once, in order, two always added."""
    assert chosen_queues(several, one) == chosen
    said = {"TEMPORAL_TASK_QUEUES": several or "", "TEMPORAL_TASK_QUEUE": one or ""}
    assert load(QueueSettings, said).chosen == chosen


@pytest.mark.parametrize("name", ["TEMPORAL_TASK_QUEUES", "TEMPORAL_TASK_QUEUE"])
def test_the_authored_queue_is_refused(name: str) -> None:
    """The message names the queue and the service that owns it, with all else that is wrong."""
    environ = {
        name: "alga-jobs,workflow-runtime-v2",
        "WORKER_QUEUE_LIMITS": "alga-jobs=0/9",
        "MAX_CONCURRENT_WORKFLOWS": "1001",
        "DB_HOST": "h",
        "NEXTAUTH_SECRET": "s3cret",
    }
    with pytest.raises(SettingsError) as caught:
        ServiceSettings.load(environ)
    told = str(caught.value)
    assert f"{name}: " in told
    assert "workflow-runtime-v2 is the queue of authored runs" in told
    assert "owned by workflow-worker" in told
    assert "alga-jobs: activities have to be 1 to 1000, not 0" in told
    assert "MAX_CONCURRENT_WORKFLOWS: " in told
    assert "DATABASE_URL: is not set" in told
    assert "TEMPORAL_PAYLOAD_KEYS: is not set" in told
    assert "DB_HOST: is not read any more; use DATABASE_URL" in told
    assert "NEXTAUTH_SECRET: is not read any more; nothing here needs it" in told
    assert "s3cret" not in told


def test_unknown_queues_are_refused() -> None:
    """With all of them and the known ones."""
    with pytest.raises(ValueError, match="no such queue: a, b; the queues are tenant-workflows, "):
        chosen_queues("a,alga-jobs,b,a")


def test_limits_are_by_queue() -> None:
    """What is said for one queue goes before what is said for all, and that before the family's."""
    assert parse_slots("alga-jobs=5/,sla-workflows=/6")[JOBS] == Slots(activities=5)
    settings = load(
        QueueSettings,
        {"WORKER_QUEUE_LIMITS": "alga-jobs=5/7", "MAX_CONCURRENT_ACTIVITIES": "30"},
    )
    jobs, sla = QueueTable.of(QUEUES, settings.slots).polled((JOBS, SLA))
    assert (jobs.activity_slots, jobs.workflow_slots) == (5, 7)
    assert (sla.activity_slots, sla.workflow_slots) == (30, 40)
    for wrong in (
        "alga-jobs",
        "alga-jobs=1",
        "x=1/2",
        "alga-jobs=1/1",
        "alga-jobs=1/2,alga-jobs=/",
    ):
        with pytest.raises(ValueError, match=r"."):
            parse_slots(wrong)


def test_the_table_has_every_queue() -> None:
    """What nobody serves yet is there and is not polled; only what is served answers readiness."""
    table = QueueTable.of(QUEUES)
    assert tuple(spec.name for spec in table) == KNOWN
    assert [spec.name for spec in table.polled(KNOWN)] == [JOBS, SLA]
    assert table.unserved(KNOWN) == (TENANTS, PORTAL_DOMAINS, EMAIL_DOMAINS)
    served = {spec.name: [workflow_name(each) for each in spec.workflows] for spec in table}
    assert served[JOBS] == ["tinyWorkflow", "readinessWorkflow"]
    assert served[EMAIL_DOMAINS] == []
    with pytest.raises(ValueError, match="one spec at most"):
        QueueTable.of((*QUEUES, QUEUES[0]))


def test_values_may_be_in_files(tmp_path: Path) -> None:
    """A file of the name goes before the variable, one in small letters comes after it; what is
    blank is not there."""
    (tmp_path / "TEMPORAL_PAYLOAD_KEYS").write_text(f"file:{KEY}\n")
    (tmp_path / "database_url").write_text("postgresql://file/d\n")
    (tmp_path / "TEMPORAL_NAMESPACE").write_text(" \n")
    folder = {"WORKER_SECRETS_DIR": str(tmp_path)}
    found = ServiceSettings.load({**folder, **ENOUGH, "TEMPORAL_NAMESPACE": "mine"})
    assert found.payloads.key_id == "file"
    assert found.database.address == "postgresql://h/d"
    assert found.temporal.namespace == "mine"
    assert ServiceSettings.load(folder).database.address == "postgresql://file/d"


def test_a_schedule_that_cannot_be_is_no_value() -> None:
    """Times are said in one way, and a catch-up is not shorter than Temporal's shortest."""
    for wrong in ({}, {"id": "x y"}, {"cron": ("* * * * *",), "time_zone": "UTC", "id": ""}):
        with pytest.raises(ValueError, match=r"."):
            DesiredSchedule(**{"id": "a", "queue": JOBS, "workflow": "w", **wrong})  # pyright: ignore[reportArgumentType]

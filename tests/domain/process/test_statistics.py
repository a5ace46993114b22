"""What processes count, and what is known of the walls around them."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError

from alga_temporal_domain.projects.durations import BUCKETS
from alga_temporal_domain.projects.process.connecting import target
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.process.measuring import Collector
from alga_temporal_domain.projects.process.statistics import LONGEST_NAME, MOST_NAMES, OTHERS
from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.settings import TemporalSettings
from tests.domain.process.conftest import Project, end_of


async def test_activities_and_executions_are_counted(project: Project) -> None:
    """Outcomes and durations by name, told once: all frames together are the truth."""
    child = await project.running()
    for name in ("a", "b"):
        await project.client.execute_workflow(
            "Hello", name, id=str(uuid4()), task_queue=project.queue
        )
    with pytest.raises(WorkflowFailureError):
        await project.call("transformData", {"data": "{", "transformation": "json-parse"})
    child.stop()
    await end_of(child)
    shouts = [stats.activities["shout"] for stats in project.stats if "shout" in stats.activities]
    assert sum(counts.ok for counts in shouts) == 2
    assert sum(sum(counts.histogram) for counts in shouts) == 2
    assert all(len(counts.histogram) == BUCKETS for counts in shouts)
    failed = [stats.activities.get("transformData") for stats in project.stats]
    assert sum(counts.failed for counts in failed if counts is not None) == 1
    done = [counts for stats in project.stats for counts in stats.workflows.items()]
    assert sum(counts.completed for name, counts in done if name == "Hello") == 2
    assert sum(counts.failed for name, counts in done if name == "Calling") == 1
    last = project.stats[-1]
    assert last.rss_mb > 10
    assert last.cpu_seconds > 0
    assert last.running_activities == 0


def test_names_are_bounded() -> None:
    """Names come from a project: two hundred are told apart, and long ones are cut."""
    collector = Collector()
    for number in range(MOST_NAMES + 50):
        collector.begin()
        collector.end(f"{number} " + "x" * 500, 0.01, ok=True)
    stats = collector.take()
    assert len(stats.activities) == MOST_NAMES + 1
    assert stats.activities[OTHERS].ok == 50
    assert max(map(len, stats.activities)) == LONGEST_NAME
    assert collector.take().activities == {}


def test_walls_are_named() -> None:
    """Each wall says whether it stands here, and why, without being put up."""
    told = {wall.name: wall for wall in Launcher().walls()}
    assert {"landlock", "seccomp", "limits", "own user", "memory watchdog"} <= set(told)
    assert str(told["own user"]) == "own user: not in force (not configured)"
    assert all(wall.why for wall in told.values())


def test_the_target_is_what_the_environment_says(tmp_path: Path) -> None:
    """Files are read by the supervisor, since processes may read none; a key means TLS."""
    settings = TemporalSettings(address="temporal.example:7233", namespace="n")
    plain = target(settings, {})
    assert (plain.address, plain.namespace, plain.tls) == ("temporal.example:7233", "n", False)
    assert target(settings, {"TEMPORAL_API_KEY": "k"}).tls
    authority = tmp_path / "ca.pem"
    authority.write_text("PEM")
    environ = {
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority),
        "TEMPORAL_TLS_SERVER_NAME": "inner",
    }
    found = target(settings, environ)
    assert (found.tls, found.server_root_ca, found.server_name) == (True, "PEM", "inner")
    with pytest.raises(SettingsError, match="missing"):
        target(settings, {"TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(tmp_path / "missing.pem")})

"""`/metrics` of a service with a worker."""

from __future__ import annotations

from alga_workflows_core.infra.metrics import TemporalTelemetry
from tests.domain.scraped import Scraped
from tests.domain.service.running import RunningService, eventually, running_service


async def scraped(service: RunningService) -> Scraped:
    return Scraped((await service.ask("GET", "/metrics")).text)


async def test_a_worker_and_what_it_does_are_seen(
    service_environ: dict[str, str], temporal_telemetry: TemporalTelemetry
) -> None:
    """Projects and processes of all, and per slot what this service's workers need; it is gone
    from there when the worker is, and what it did is counted still."""
    environ = {**service_environ, "WORKER_STATISTICS_INTERVAL": "0.2"}
    async with running_service(environ, temporal_telemetry) as service:
        project = await service.active_project()
        slot = {"project": project, "slot": "0"}
        await service.ask("POST", "/workers/start", {"projectId": project})
        address = f"/v1/projects/{project}/workflows/simpleTestWorkflow/runs"
        run = await service.ask("POST", address, {"input": "x", "wait": 20})
        assert run.json()["status"] == "completed"

        async def seen() -> Scraped | None:
            now = await scraped(service)
            is_seen = now.value("alga_project_worker_memory_bytes", **slot) is not None
            return now if is_seen else None

        now = await eventually(seen, "the worker's memory")
        assert (now.value("alga_project_worker_memory_bytes", **slot) or 0) > 10_000_000
        assert 0 <= (now.value("alga_project_worker_cpu_cores", **slot) or 0) < 8
        assert now.value("alga_project_worker_activities", **slot) == 0
        assert now.value("alga_project_activities_total", project=project, outcome="ok") == 3
        assert now.value("alga_project_activities_total", project=project, outcome="failed") == 0
        assert now.value("alga_project_activity_seconds_count") == 3
        assert now.value("alga_project_code_load_seconds_count") == 1
        assert 0 < (now.value("alga_project_code_load_seconds_sum") or 0) < 5
        assert now.value("alga_project_process_starts_total", cause="wanted") == 1
        assert now.value("alga_projects", desired="running", observed="running") == 1
        assert now.value("alga_project_processes", state="ready") == 1
        assert now.value("alga_project_quarantines_total") == 0
        await service.ask("POST", "/workers/restart", {"projectId": project})
        await service.ask("POST", "/workers/stop", {"projectId": project})

        async def gone() -> Scraped | None:
            now = await scraped(service)
            is_gone = now.value("alga_projects", desired="stopped", observed="stopped") == 1
            return now if is_gone else None

        now = await eventually(gone, "the project is stopped")
        assert now.value("alga_project_worker_memory_bytes", **slot) is None
        assert now.value("alga_project_process_starts_total", cause="asked") == 1
        assert now.value("alga_project_process_ends_total", kind="wanted") == 2
        assert now.value("alga_project_activities_total", project=project, outcome="ok") == 3

"""Metrics: our own instruments, and those of the Temporal SDK behind them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from alga_workflows_core.infra.metrics import Metrics


def samples(body: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(body: bytes, name: str, **labels: str) -> float:
    return samples(body)[name, frozenset(labels.items())]


def test_each_instrument_appears_under_its_name() -> None:
    """The names and labels are what dashboards are built on."""
    metrics = Metrics()
    metrics.run_start("started")
    metrics.run_start("started")
    metrics.run_closed("SUCCEEDED")
    metrics.row_flush(0.02)
    metrics.http_request("GET", "/runs/{id}", 200, 0.3)
    metrics.dependency("PostgreSQL", up=True)
    metrics.dependency("Temporal", up=True)
    metrics.dependency("Temporal", up=False)

    body, content_type = metrics.render()

    assert content_type.startswith("text/plain; version=0.0.4")
    assert value(body, "alga_run_starts_total", outcome="started") == 2
    assert value(body, "alga_runs_closed_total", status="SUCCEEDED") == 1
    assert value(body, "alga_row_flush_seconds_sum") == 0.02
    assert value(body, "alga_row_flush_seconds_bucket", le="0.01") == 0
    assert value(body, "alga_row_flush_seconds_bucket", le="0.025") == 1
    request = {"method": "GET", "route": "/runs/{id}"}
    assert value(body, "alga_http_requests_total", **request, status="200") == 1
    assert value(body, "alga_http_request_seconds_count", **request) == 1
    assert value(body, "alga_dependency_up", dependency="PostgreSQL") == 1
    assert value(body, "alga_dependency_up", dependency="Temporal") == 0


def test_two_processes_worth_of_metrics_do_not_meet() -> None:
    """There is no global registry: what one object counts, another does not show."""
    one, other = Metrics(), Metrics()
    one.run_start("started")

    assert b'outcome="started"' in one.render()[0]
    assert b'outcome="started"' not in other.render()[0]


def test_foreign_metrics_are_appended() -> None:
    """What another exporter serves follows ours, and the whole still parses."""
    extra = b"# TYPE temporal_num_pollers gauge\ntemporal_num_pollers 3\n"

    body, _ = Metrics().render(extra)

    assert body.endswith(extra)
    assert value(body, "temporal_num_pollers") == 3


SCRIPT = """
import asyncio, dataclasses, json, logging, socket
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from alga_workflows_core.infra.metrics import Metrics, temporal_runtime
from alga_workflows_core.infra.settings import LogSettings
from alga_workflows_core.infra.supervisor import exit_process
from alga_workflows_core.infra.telemetry import configure_logging

@workflow.defn(name="Tested")
class Tested:
    @workflow.run
    async def run(self) -> None:
        pass

# A timer that the workflow never started: the SDK's core warns.
HISTORY = {"events": [
    {"eventId": "1", "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
     "workflowExecutionStartedEventAttributes": {
        "workflowType": {"name": "Tested"}, "taskQueue": {"name": "q"},
        "originalExecutionRunId": "r", "attempt": 1}},
    {"eventId": "2", "eventType": "EVENT_TYPE_WORKFLOW_TASK_SCHEDULED",
     "workflowTaskScheduledEventAttributes": {"taskQueue": {"name": "q"}, "attempt": 1}},
    {"eventId": "3", "eventType": "EVENT_TYPE_WORKFLOW_TASK_STARTED",
     "workflowTaskStartedEventAttributes": {"scheduledEventId": "2"}},
    {"eventId": "4", "eventType": "EVENT_TYPE_WORKFLOW_TASK_COMPLETED",
     "workflowTaskCompletedEventAttributes": {"scheduledEventId": "2", "startedEventId": "3"}},
    {"eventId": "5", "eventType": "EVENT_TYPE_TIMER_STARTED",
     "timerStartedEventAttributes": {
        "timerId": "1", "startToFireTimeout": "1s", "workflowTaskCompletedEventId": "4"}},
]}

class Seen(logging.Handler):
    def __init__(self):
        super().__init__()
        self.levels = set()
    def emit(self, record):
        self.levels.add(record.levelname)

async def main():
    seen = Seen()
    logging.getLogger("temporalio.core").addHandler(seen)
    telemetry = temporal_runtime()
    telemetry.runtime.metric_meter.create_gauge("tested", "A gauge.").set(3)
    replayer = Replayer(
        workflows=[Tested], workflow_runner=UnsandboxedWorkflowRunner(), runtime=telemetry.runtime
    )
    await replayer.replay_workflow(
        WorkflowHistory.from_json("w", HISTORY), raise_on_replay_failure=False
    )
    async with asyncio.timeout(20):
        while "WARNING" not in seen.levels:
            await asyncio.sleep(0.01)
    body, _ = Metrics().render(await telemetry.scrape())
    gone = dataclasses.replace(telemetry, metrics_url="http://127.0.0.1:1/metrics")
    silent = socket.create_server(("127.0.0.1", 0))
    mute = dataclasses.replace(
        telemetry, metrics_url=f"http://127.0.0.1:{silent.getsockname()[1]}/metrics"
    )
    return {
        "url": telemetry.metrics_url,
        "body": body.decode(),
        "gone": (await gone.scrape()).decode(),
        "mute": (await mute.scrape(timeout=0.1)).decode(),
    }

configure_logging(LogSettings(), service="tested")
print(json.dumps(asyncio.run(main())))
exit_process(0)
"""


def run_script() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """In a process of its own: a runtime lives as long as its process."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout), [json.loads(line) for line in done.stderr.splitlines()]


def test_the_temporal_sdk_serves_metrics_and_logs_through_us() -> None:
    """Its metrics are read over loopback, its log lines are ours, its silence costs nothing."""
    answer, logged = run_script()

    assert answer["url"].startswith("http://127.0.0.1:")
    found = {name: number for (name, _), number in samples(answer["body"].encode()).items()}
    assert found["tested"] == 3
    assert "# HELP alga_row_flush_seconds" in answer["body"]
    assert (answer["gone"], answer["mute"]) == ("", "")
    failed = [line for line in logged if line["action"] == "metrics.scrape_failed"]
    assert [line["level"] for line in failed] == ["warning", "warning"]
    from_core = [line for line in logged if line["logger"] == "temporalio.core"]
    assert from_core
    assert all(line["action"] == "library.logged" for line in from_core)

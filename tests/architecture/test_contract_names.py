"""The names that other programs rely on. Changing one here is a break for all of them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import httpx
from sqlalchemy import text
from temporalio.client import Client

from alga_workflows_core.api.app import ApiParts, create_app
from alga_workflows_core.catalogue.actions import ActionCatalogue
from alga_workflows_core.catalogue.calendars import CalendarService
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.catalogue.event_types import EventTypeService
from alga_workflows_core.events.desk import EventDesk
from alga_workflows_core.events.ingress import Ingress
from alga_workflows_core.events.parked import ParkedMessageService
from alga_workflows_core.events.webhook_receiver import WebhookReceiver
from alga_workflows_core.events.webhooks import WebhookService
from alga_workflows_core.infra.bounded import BoundedProcesses
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.health import HealthMonitor
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.secrets.environment import EnvironmentSecrets
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.infra.web.access import DevAccess, KeyAccess
from alga_workflows_core.runs.blocked import Blocked
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.decisions import Decisions
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.operations import RunOperations
from alga_workflows_core.runs.reconciler import Reconciler
from alga_workflows_core.runs.retrying import RunRetries
from alga_workflows_core.runs.service import RunService
from alga_workflows_core.schedules.settings import ScheduleSettings
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.tasks import telling
from alga_workflows_core.tasks.answering import TaskAnswers
from alga_workflows_core.tasks.service import TaskService
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.names import (
    ADVERTISE_ACTIVITY,
    ADVERTISE_WORKFLOW,
    CHECK_RESULT_ACTIVITY,
    CURRENT_STEP_QUERY,
    CURRENT_WAIT_QUERY,
    EVENT_SIGNAL,
    FLUSH_ACTIVITY,
    HUMAN_TASK_SIGNAL,
    PERFORM_ACTIVITY,
    QUOTA_RESUME_SIGNAL,
    RUN_WORKFLOW,
    SCHEDULE_FIRE_ACTIVITY,
    SCHEDULE_FIRE_WORKFLOW,
    SUMMARY_QUERY,
    TASK_QUEUE,
    WORKING_TIME_ACTIVITY,
    activity_id,
    advertise_id,
    invocation_id,
    run_id,
    schedule_fire_id,
    schedule_id,
    schedule_of,
    workflow_id,
)
from alga_workflows_core.temporal.wire import RunInput
from alga_workflows_core.types.states import (
    FINAL_TASK_STATES,
    DefinitionState,
    RunStatus,
    StepStatus,
    TaskState,
)
from workflow_worker.scheduling import ScheduledRuns, Scheduling

RUN = UUID("b1ce5ba8-9a2b-5e7f-8a55-1c1f0a5d7c11")
NOWHERE = load(DatabaseSettings, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})

API_PATHS = {
    "PUT /api/v1/definitions/{definition_id}/draft",
    "POST /api/v1/definitions/{definition_id}/publish",
    "POST /api/v1/definitions/{definition_id}/activate",
    "POST /api/v1/definitions/{definition_id}/pause",
    "POST /api/v1/definitions/{definition_id}/resume",
    "POST /api/v1/definitions/{definition_id}/archive",
    "GET /api/v1/definitions",
    "GET /api/v1/definitions/{definition_id}",
    "GET /api/v1/definitions/{definition_id}/versions",
    "GET /api/v1/definitions/{definition_id}/versions/{number}",
    "GET /api/v1/definitions/{definition_id}/versions/{number}/changes",
    "POST /api/v1/validate",
    "POST /api/v1/definitions/{definition_id}/runs",
    "GET /api/v1/runs",
    "GET /api/v1/runs/{run_id}",
    "GET /api/v1/runs/{run_id}/steps",
    "GET /api/v1/runs/{run_id}/waits",
    "POST /api/v1/runs/{run_id}/steps/{path}/resolve",
    "POST /api/v1/waits/{wait_id}/resolve",
    "GET /api/v1/tasks",
    "GET /api/v1/tasks/{task_id}",
    "POST /api/v1/tasks/{task_id}/claim",
    "POST /api/v1/tasks/{task_id}/unclaim",
    "POST /api/v1/tasks/{task_id}/complete",
    "POST /api/v1/tasks/{task_id}/delegate",
    "POST /api/v1/tasks/{task_id}/dismiss",
    "POST /api/v1/runs/{run_id}/cancel",
    "POST /api/v1/runs/{run_id}/pause",
    "POST /api/v1/runs/{run_id}/resume",
    "POST /api/v1/runs/{run_id}/retry",
    "POST /api/v1/runs/{run_id}/terminate",
    "GET /api/v1/schemas/definition.json",
    "POST /api/v1/simulate",
    "GET /api/v1/actions",
    "GET /api/v1/calendars",
    "GET /api/v1/calendars/{name}",
    "PUT /api/v1/calendars/{name}",
    "DELETE /api/v1/calendars/{name}",
    "GET /api/v1/calendars/{name}/preview",
    "GET /api/v1/schedules",
    "GET /api/v1/schedules/{schedule_id}",
    "PUT /api/v1/schedules/{schedule_id}",
    "DELETE /api/v1/schedules/{schedule_id}",
    "POST /api/v1/schedules/{schedule_id}/pause",
    "POST /api/v1/schedules/{schedule_id}/resume",
    "POST /api/v1/schedules/{schedule_id}/trigger",
    "POST /api/v1/schedules/{schedule_id}/backfill",
    "GET /api/v1/schedules/{schedule_id}/preview",
    "GET /api/v1/schedules/{schedule_id}/fires",
    "POST /api/v1/events",
    "GET /api/v1/events",
    "GET /api/v1/events/{event_id}",
    "GET /api/v1/events/{event_id}/explain",
    "POST /api/v1/events/{event_id}/redeliver",
    "POST /api/v1/events/redeliver",
    "GET /api/v1/deliveries",
    "GET /api/v1/event-types",
    "GET /api/v1/event-types/{event_name}",
    "PUT /api/v1/event-types/{event_name}",
    "GET /api/v1/event-types/{event_name}/versions",
    "GET /api/v1/event-policy",
    "PUT /api/v1/event-policy",
    "GET /api/v1/webhooks",
    "GET /api/v1/webhooks/{webhook}",
    "PUT /api/v1/webhooks/{webhook}",
    "DELETE /api/v1/webhooks/{webhook}",
    "POST /api/v1/webhooks/{webhook}",
    "GET /api/v1/parked-messages",
    "GET /api/v1/parked-messages/{message_id}",
    "POST /api/v1/parked-messages/{message_id}/retry",
    "GET /api/v1/openapi.json",
    "GET /livez",
    "GET /readyz",
    "GET /health",
    "GET /metrics",
}


async def api(database: Database) -> httpx.AsyncClient:
    """A client of the API without any server behind it."""
    storage = Storage(database)
    actions = ActionCatalogue(storage=storage, own={})
    hints = Hints(database, NOWHERE)
    closed, metrics = ClosedRuns(hints), Metrics()
    client = await Client.connect("127.0.0.1:1", lazy=True)
    executions = Executions(client)
    closer = RunCloser(storage=storage, closed=closed, metrics=metrics)
    reconciler = Reconciler(
        storage=storage,
        executions=executions,
        closer=closer,
        metrics=metrics,
        after=timedelta(minutes=1),
    )

    starts = ScheduledRuns(Launcher(storage))
    scheduling = Scheduling.of(ScheduleSettings(), storage, client, metrics, starts)

    async def no_metrics() -> bytes:
        return b""

    app = create_app(
        ApiParts(
            access=DevAccess(
                KeyAccess(storage.across, command="workflow-worker keys create"), tenant="default"
            ),
            definitions=DefinitionService(storage=storage, actions=actions),
            runs=RunService(
                storage=storage,
                launcher=Launcher(storage),
                closed=closed,
            ),
            decisions=Decisions(storage),
            ingress=Ingress(storage),
            event_types=EventTypeService(storage),
            events=EventDesk(storage),
            tasks=TaskService(storage),
            task_answers=TaskAnswers(storage),
            blocked=Blocked(client, after=30),
            actions=actions,
            calendars=CalendarService(storage=storage),
            schedules=scheduling.schedules,
            schedule_requests=scheduling.requests,
            parked_messages=ParkedMessageService(storage),
            webhooks=WebhookService(
                storage,
                WebhookReceiver(
                    storage=storage,
                    ingress=Ingress(storage),
                    secrets=EnvironmentSecrets({}),
                    metrics=metrics,
                ),
            ),
            operations=RunOperations(
                storage=storage, executions=executions, reconciler=reconciler, closer=closer
            ),
            retries=RunRetries(storage),
            processes=BoundedProcesses(),
            health=HealthMonitor([]),
            metrics=metrics,
            sdk_metrics=no_metrics,
            version="0",
        )
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


def test_names_on_temporal() -> None:
    """Clients know queue, type, id and start input of a run; histories hold the activities."""
    assert TASK_QUEUE == "workflow-runtime-v2"
    assert RUN_WORKFLOW == "workflowRuntimeV2RunWorkflow"
    assert PERFORM_ACTIVITY == "workflowRuntimeV2Perform"
    assert FLUSH_ACTIVITY == "workflowRuntimeV2Flush"
    assert WORKING_TIME_ACTIVITY == "workflowRuntimeV2WorkingTime"
    assert EVENT_SIGNAL == "workflowRuntimeV2Event"
    assert HUMAN_TASK_SIGNAL == "workflowRuntimeV2HumanTask"
    assert QUOTA_RESUME_SIGNAL == "workflowRuntimeV2QuotaResume"
    assert CURRENT_STEP_QUERY == "workflowRuntimeV2CurrentStep"
    assert CURRENT_WAIT_QUERY == "workflowRuntimeV2CurrentWait"
    assert SUMMARY_QUERY == "workflowRuntimeV2InterpreterSummary"
    assert CHECK_RESULT_ACTIVITY == "workflowRuntimeV2CheckResult"
    assert ADVERTISE_WORKFLOW == "workflowRuntimeV2Advertise"
    assert ADVERTISE_ACTIVITY == "workflowRuntimeV2RecordActions"
    assert SCHEDULE_FIRE_WORKFLOW == "workflowRuntimeV2ScheduleFire"
    assert SCHEDULE_FIRE_ACTIVITY == "workflowRuntimeV2FireSchedule"
    assert schedule_id("acme", "nightly") == "workflow-runtime-v2:schedule:acme:nightly"
    assert schedule_of("workflow-runtime-v2:schedule:acme:nightly") == ("acme", "nightly")
    fires = "workflow-runtime-v2:schedule-fire:acme:nightly"
    assert schedule_fire_id("acme", "nightly") == fires
    told = advertise_id("billing-actions", "0f")
    assert told == "workflow-runtime-v2:advertise:billing-actions:0f"
    assert activity_id(7, "each[2]/charge") == "7:each[2]/charge"
    assert workflow_id(RUN) == f"workflow-runtime-v2:run:{RUN}"
    start = {field.alias for field in RunInput.model_fields.values()}
    assert start >= {
        "runId",
        "tenantId",
        "workflowId",
        "workflowVersion",
        "triggerType",
        "executionKey",
    }


def test_derived_ids() -> None:
    """What was started before an upgrade is found again after it."""
    started = run_id("acme", "triage", "api", "key-1")
    assert started == UUID("8b470223-6b8e-5e69-ba4d-50c6b3e1acfb")
    called = invocation_id(RUN, "triage/assign", 1)
    assert called == UUID("3234d596-bde7-5534-b728-60426e5c7e1c")


def test_states() -> None:
    """The states of runs, steps, tasks and definitions."""
    assert [state.value for state in RunStatus] == [
        "QUEUED",
        "STARTING",
        "RUNNING",
        "WAITING",
        "PAUSED",
        "PARKED",
        "SUCCEEDED",
        "FAILED",
        "CANCELED",
        "TIMED_OUT",
    ]
    assert [state.value for state in StepStatus] == ["RUNNING", "SUCCEEDED", "FAILED", "CANCELED"]
    assert [state.value for state in TaskState] == [
        "OPEN",
        "CLAIMED",
        "COMPLETED",
        "EXPIRED",
        "CANCELED",
    ]
    assert [state.value for state in DefinitionState] == ["DRAFT", "ACTIVE", "PAUSED", "ARCHIVED"]


def test_events_that_tell_of_tasks() -> None:
    """Triggers name them."""
    assert telling.SOURCE == "alga-workflows/tasks"
    assert {telling.OPENED, telling.REMINDER, telling.OVERDUE, telling.ESCALATED} == {
        "TASK_OPENED",
        "TASK_REMINDER",
        "TASK_OVERDUE",
        "TASK_ESCALATED",
    }
    assert [telling.ended(state) for state in sorted(FINAL_TASK_STATES)] == [
        "TASK_CANCELED",
        "TASK_COMPLETED",
        "TASK_EXPIRED",
    ]


async def test_names_of_tables(database: Database) -> None:
    """What the migrations have made, as other programs read it."""
    async with database.connect() as connection:
        found = await connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        )
        tables = set(found.scalars())
    assert tables == {
        "workflow_definitions",
        "workflow_definition_versions",
        "workflow_runs",
        "workflow_run_steps",
        "workflow_events",
        "workflow_event_deliveries",
        "workflow_run_waits",
        "workflow_tasks",
        "alga_task_answers",
        "alga_task_candidates",
        "alga_task_log",
        "workflow_actions",
        "workflow_schedules",
        "workflow_schedule_fires",
        "alga_action_ledger",
        "alga_api_keys",
        "alga_calendars",
        "alga_data",
        "alga_event_keys",
        "alga_event_policies",
        "workflow_event_types",
        "alga_event_refusals",
        "alga_run_slots",
        "alga_parked_messages",
        "alga_run_checkpoints",
        "alga_version_events",
        "alga_wait_matches",
        "alga_webhooks",
        "alga_sweeps",
        "alga_state_transitions",
        "alga_workflows_core_version",
    }


async def test_paths_of_the_api() -> None:
    """Every path with its method, as the API itself lists them."""
    database = Database(NOWHERE)
    async with await api(database) as client:
        answer = await client.get("/api/v1/openapi.json")
    await database.close()
    assert answer.status_code == 200
    paths = {
        f"{method.upper()} {path}"
        for path, operations in answer.json()["paths"].items()
        for method in operations
    }
    assert paths == API_PATHS

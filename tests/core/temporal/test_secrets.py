"""Secrets of whole runs: handlers get them, and nothing that is stored anywhere holds one."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import structlog
from pydantic import BaseModel, SecretStr
from sqlalchemy import text
from temporalio.client import Client

from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.masking import MASK, Mask
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.secrets.environment import EnvironmentSecrets, variable
from alga_workflows_core.infra.settings import DatabaseSettings, LogSettings, load
from alga_workflows_core.infra.telemetry import configure_logging
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.calendars import StoredCalendars
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.ledger import Ledger
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import RUN_WORKFLOW, TASK_QUEUE
from alga_workflows_core.temporal.wire import RunInput
from alga_workflows_core.temporal.worker import build_worker
from tests.core.interpreter.world import call

TOKEN = "tok-9f8e7d/6c5b+4a"
INPUT = {"token": {"$secret": "API_TOKEN"}, "deep": [{"$secret": "API_TOKEN"}]}

log = structlog.get_logger()


class Asked(BaseModel):
    """What the actions take."""

    token: SecretStr
    deep: list[str]


class Said(BaseModel):
    """What they say."""

    text: str
    length: int


class Text(BaseModel):
    """What a pure action takes."""

    text: str


def speaking(name: str, kind: ActionKind, got: list[str], **contract: Any) -> Action:
    """An action that says its token wherever it can, and fails the first time."""

    @action(name, version=1, kind=kind, **contract)
    async def speak(request: Asked) -> Said:
        """Say too much."""
        token = request.token.get_secret_value()
        got.append(f"{name} {token} {request.deep[0]}")
        log.info(f"Asking with {token}.", action="speak.asked", sent=[token])
        logging.getLogger("somebody.else").warning("sent %s", token)
        if got.count(got[-1]) == 1:
            cause = RuntimeError(token)
            raise ActionError(
                "BUSY", f"Not with {token}", retryable=True, details={"sent": token}
            ) from cause
        return Said(text=f"Bearer {token}", length=len(token))

    return speak


@action("say.error", version=1, kind=ActionKind.IDEMPOTENT)
async def fail(request: Asked) -> Said:
    """Fail on purpose, and tell why."""
    token = request.token.get_secret_value()
    raise ActionError("REFUSED", f"Not with {token}", details={"headers": {token: [token]}})


@action("say.crash", version=1, kind=ActionKind.READ)
async def crash(request: Asked) -> Said:
    """Fail by mistake."""
    raise RuntimeError(request.token.get_secret_value())


@action("say.pure", version=1, kind=ActionKind.PURE)
async def pure(request: Text) -> Text:
    """Answer what it got."""
    return request


@pytest.fixture
def logged() -> Generator[io.StringIO]:
    """All that is logged meanwhile; the former logging is restored."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    settings = LogSettings.model_validate({"level": "info", "format": "json"})
    configure_logging(settings, service="tested", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class World:
    """A worker that has one secret of the tenant `acme`, on the test's servers."""

    def __init__(self, client: Client, database: Database, url: str) -> None:
        self._client = client
        self._database = database
        self._storage = Storage(database)
        self._hints = Hints(database, load(DatabaseSettings, {"DATABASE_URL": url}))
        self.history = ""

    async def run(self, actions: list[Action], inputs: Mapping[str, Any]) -> Any:
        """The variables at the end of a run that calls each of `actions` with its input.

        `s<number>` is an output, `e<number>` an error.
        """
        registry = Registry(actions)
        steps: list[dict[str, Any]] = []
        for number, (name, given) in enumerate(inputs.items()):
            step = call(f"s{number}", name, given)
            step["config"]["saveAs"] = f"vars.s{number}"
            policy = {"policy": "continue", "saveAs": f"vars.e{number}"}
            steps.append({**step, "onError": policy})
        steps.append({"id": "end", "type": "control.return", "value": {"$expr": "vars"}})
        start = RunInput.model_validate(
            {
                "runId": uuid4(),
                "tenantId": "acme",
                "workflowId": "a",
                "workflowVersion": 1,
                "triggerType": "api",
                "executionKey": "k",
                "engine": ENGINE,
                "expressionEngine": "any",
                "definition": {"id": "a", "name": "A", "steps": steps},
                "actions": [
                    each.spec.pinned().model_dump(mode="json", by_alias=True) for each in actions
                ],
            }
        )
        worker = build_worker(
            self._client,
            registry=registry,
            activities=self._activities(registry).all(),
            build_id="test",
            graceful_shutdown=timedelta(0),
        )
        async with worker, asyncio.timeout(60):
            handle = await self._client.start_workflow(
                RUN_WORKFLOW, start, id=str(start.run_id), task_queue=TASK_QUEUE
            )
            result = await handle.result()
            events = (await handle.fetch_history()).events
        told = [event.SerializeToString().decode(errors="replace") for event in events]
        self.history = "\n".join(told)
        return result

    def _activities(self, registry: Registry) -> RunActivities:
        return RunActivities(
            performer=Performer(
                registry,
                ledger=Ledger(self._storage),
                secrets=EnvironmentSecrets({variable("acme", "API_TOKEN"): TOKEN}),
            ),
            rows=RowWriter(
                storage=self._storage, closed=ClosedRuns(self._hints), metrics=Metrics()
            ),
            waits=WaitDesk(self._storage),
            calendars=StoredCalendars(self._storage),
        )

    async def stored(self) -> str:
        """Every row of every table, as text."""
        texts: list[str] = []
        async with self._database.engine.connect() as connection:
            tables = await connection.execute(
                text("SELECT quote_ident(relname) FROM pg_stat_user_tables ORDER BY 1")
            )
            for table in tables.scalars():
                rows = await connection.execute(text(f"SELECT t::text FROM {table} t"))  # noqa: S608
                texts += [f"{table}: {row}" for row in rows.scalars()]
        return "\n".join(texts)


@pytest.fixture
def world(temporal_client: Client, database: Database, database_url: str) -> World:
    """On the test's own database and namespace."""
    return World(temporal_client, database, database_url)


async def test_a_secret_is_in_no_row_no_event_and_no_line(
    world: World, logged: io.StringIO
) -> None:
    """Of remote, local and ledgered actions that say it, fail with it and crash with it."""
    got: list[str] = []
    actions = [
        speaking("say.read", ActionKind.READ, got),
        speaking("say.short", ActionKind.IDEMPOTENT, got, short=True, timeout=2.0),
        speaking("say.unsafe", ActionKind.UNSAFE, got),
        fail,
        crash,
    ]
    inputs = {each.spec.id: INPUT for each in actions}

    result = await world.run(actions, inputs)

    assert sorted(set(got)) == [
        f"say.{name} {TOKEN} {TOKEN}" for name in ("read", "short", "unsafe")
    ]
    assert [result[f"s{number}"] for number in range(3)] == [
        {"text": f"Bearer {MASK}", "length": len(TOKEN)}
    ] * 3
    assert (result["e3"]["code"], result["e3"]["message"]) == ("REFUSED", f"Not with {MASK}")
    assert result["e3"]["details"] == {"headers": {MASK: [MASK]}}
    assert result["e4"]["code"] == "ACTION_FAILED"
    rows, lines = await world.stored(), logged.getvalue()
    mask = Mask([TOKEN])
    for what in (str(result), world.history, rows, lines):
        assert MASK in what
        assert mask.text(what) == what
    assert "API_TOKEN" in world.history
    assert "alga_action_ledger: " in rows
    for needle in ("speak.asked", "somebody.else", "action.crashed", "action.failed"):
        assert needle in lines


async def test_a_pure_action_is_refused_a_secret(world: World) -> None:
    """Also in what was published by another release: the step fails, and can be caught."""
    result = await world.run([pure], {"say.pure": {"text": {"$secret": "API_TOKEN"}}})
    assert result["e0"]["code"] == "SECRET_NOT_ALLOWED"
    assert result["e0"]["details"] == {"inputs": ["/text"]}
    assert TOKEN not in world.history


async def test_a_secret_that_is_missing_fails_its_step(world: World) -> None:
    """For good, with its name; the handler is not called."""
    got: list[str] = []
    actions = [speaking("say.read", ActionKind.READ, got)]
    result = await world.run(actions, {"say.read": {**INPUT, "token": {"$secret": "NONE"}}})
    error = result["e0"]
    assert (error["code"], error["category"]) == ("SECRET_UNAVAILABLE", "Validation")
    assert (error["attempt"], "NONE" in error["message"], got) == (1, True, [])

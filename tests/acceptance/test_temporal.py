"""The scenario table on real Temporal and PostgreSQL agrees with the simulator, case by case."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.testing.namespaces import create_namespace
from tests.acceptance.cases import Case, all_cases, simulate
from tests.acceptance.comparison import differences
from tests.acceptance.temporal_table import Outcome, Table, serving_table
from tests.replay.corpus import save
from tests.replay.recorder import Recorder

# Where scripts/record-histories wants the histories of all runs.
RECORD_TO = os.environ.get("ALGA_RECORD_HISTORIES")

CASES = all_cases()
# Chance begins anew in each execution, and a hundred executions take their time.
NOT_SETTLING = (
    "actions/jitter",
    "errors/capture-too-large",
    "loops/budget",
    "loops/budget-returned",
)
SETTLING = [case for case in CASES[::6] if case.name not in NOT_SETTLING]
# Of the runs whose rows are held against their histories afterwards; all would take long.
ONE_IN = 3


@pytest_asyncio.fixture(scope="module")
async def table(
    databases: TestDatabases, temporal_server: TemporalServer, temporal_telemetry: TemporalTelemetry
) -> AsyncGenerator[Table]:
    """One worker, namespace and database for all cases."""
    address = TemporalSettings(address=temporal_server.address)
    admin = await connect(address, runtime=temporal_telemetry.runtime)
    namespace = await create_namespace(admin)
    client = await connect(
        TemporalSettings(address=temporal_server.address, namespace=namespace),
        runtime=temporal_telemetry.runtime,
    )
    async with databases.clone() as url:
        settings = load(
            DatabaseSettings, {"DATABASE_URL": url, "WORKFLOW_DATABASE_POOL_SIZE": "40"}
        )
        database = Database(settings)
        recorder = Recorder()
        keep = partial(recorder.keep, client) if RECORD_TO else None
        try:
            async with serving_table(
                database, settings, client, CASES, interceptors=[recorder], keep=keep
            ) as serving:
                yield serving
        finally:
            await database.close()
        if RECORD_TO:
            save(Path(RECORD_TO), recorder.recorded)


@pytest_asyncio.fixture(scope="module")
async def outcomes(
    table: Table, request: pytest.FixtureRequest
) -> AsyncGenerator[dict[tuple[str, bool], asyncio.Task[Outcome]]]:
    """All cases that are asked for, under way together; by name, and whether they settle."""
    wanted = [
        (cast("Case", item.callspec.params["case"]), settles)
        for item in request.session.items
        if isinstance(item, pytest.Function)
        for settles, test in TESTS.items()
        if item.originalname == test.__name__
    ]
    # Before anything runs: they would hold up its worker.
    simulations = await asyncio.to_thread(lambda: [simulate(case) for case, _ in wanted])
    tasks = {
        (case.name, settles): asyncio.create_task(table.run(case, simulation, settles=settles))
        for (case, settles), simulation in zip(wanted, simulations, strict=True)
    }
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_a_case_goes_as_simulated(
    case: Case, outcomes: dict[tuple[str, bool], asyncio.Task[Outcome]]
) -> None:
    """Status, result, error, variables, steps with their times, waits, and calls."""
    outcome = await outcomes[case.name, False]
    assert not differences(outcome.real, outcome.expected)


@pytest.mark.parametrize("case", SETTLING, ids=[case.name for case in SETTLING])
async def test_going_on_in_new_executions_changes_nothing(
    case: Case, outcomes: dict[tuple[str, bool], asyncio.Task[Outcome]]
) -> None:
    """The same when the run settles at random safe points and goes on in a new execution."""
    outcome = await outcomes[case.name, True]
    assert not differences(outcome.real, outcome.expected)


async def test_hardly_any_case_needs_another_attempt(
    outcomes: dict[tuple[str, bool], asyncio.Task[Outcome]],
) -> None:
    """What goes wrong by chance would hide behind attempts; and those that settle did."""
    ended = {key: await task for key, task in outcomes.items()}
    again = [key for key, outcome in ended.items() if outcome.attempts > 1]
    assert len(again) <= max(1, len(ended) // 10), again
    settled = [outcome.executions > 1 for (_, settles), outcome in ended.items() if settles]
    assert sum(settled) >= len(settled) / 2


async def test_rows_are_what_histories_tell(
    table: Table, outcomes: dict[tuple[str, bool], asyncio.Task[Outcome]]
) -> None:
    """Of runs that have ended: replayed, their facts make the rows that are there."""
    await asyncio.gather(*outcomes.values())
    rebuilt = await table.rebuilt(ONE_IN)
    assert rebuilt or len(outcomes) < ONE_IN
    assert not [(case, each.found) for case, each in rebuilt if each.found]


TESTS = {
    False: test_a_case_goes_as_simulated,
    True: test_going_on_in_new_executions_changes_nothing,
}

"""What runs were told by signals is written with their rows."""

from __future__ import annotations

from sqlalchemy import text

from alga_workflows_core.storage.open_runs import LAST_SEQ
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.wire import Batch, FlushRequest, SignalledEvent
from alga_workflows_core.types.states import RunStatus
from tests.core.events.inboxes import Inboxes, activities


async def test_events_are_staged_once_even_for_a_run_that_is_over(
    storage: Storage, inboxes: Inboxes, database_url: str
) -> None:
    """However often the batch is written; also where its rows are not taken any more."""
    run = await inboxes.run()
    async with storage.database.engine.begin() as connection:
        await connection.execute(
            text("UPDATE workflow_runs SET status = :status, seq = :seq WHERE id = :id"),
            {"status": "CANCELED", "seq": LAST_SEQ, "id": run.run_id},
        )
    request = FlushRequest(
        run=run,
        temporal_run_id="execution",
        batch=Batch(seq=5, status=RunStatus.RUNNING, facts=[]),
        events=[
            SignalledEvent(number=1, event_name="TOLD", payload=1),
            SignalledEvent(number=2, event_name="TOLD", event_id="own", payload=2),
            SignalledEvent(number=3, event_name="TOLD", too_large=300_000),
        ],
    )
    assert FlushRequest.model_validate_json(request.model_dump_json(by_alias=True)) == request
    flush = activities(storage, database_url).flush
    for _ in range(2):
        await flush(request)
    async with storage.database.connect() as connection:
        rows = await connection.execute(
            text("SELECT event_id, for_run, data, state FROM workflow_events ORDER BY event_id")
        )
        found = [tuple(row) for row in rows]
    assert found == [
        ("execution/1", run.run_id, 1, "STAGED"),
        ("own", run.run_id, 2, "STAGED"),
    ]

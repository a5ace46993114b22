"""What stopping promises to work that is under way."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client

from alga_temporal_domain.queues.polling import Polling, QueueService
from alga_temporal_domain.queues.spec import JOBS, SLA, TENANTS, QueueSpec
from alga_temporal_domain.queues.watching import PollWatch
from alga_workflows_core.infra.supervisor import Supervisor
from tests.domain.queues.tiny import Person, TinyWorkflow

GRACE = 20.0
WORK = 1.0


async def test_all_queues_stop_together_and_finish_what_they_do(temporal_client: Client) -> None:
    """Activities under way get the process's deadline, at the same time on every queue, and are
    done once."""
    begun: list[str] = []

    @activity.defn(name="tinyGreet")
    async def slow(person: Person) -> str:
        begun.append(person.mail)
        await asyncio.sleep(WORK)
        return person.mail

    stop = asyncio.Event()
    polling = Polling(
        client=temporal_client, build_id="t", grace=timedelta(seconds=GRACE), stopping=stop
    )
    names = (JOBS, SLA, TENANTS)
    services = [
        QueueService(
            QueueSpec(name=name, workflows=(TinyWorkflow,), activities=(slow,)),
            polling,
            PollWatch(temporal_client, name, longest_silence=90),
        )
        for name in names
    ]
    running = asyncio.create_task(Supervisor(services, stop_timeout=GRACE).run(stop))
    try:
        handles = [
            await temporal_client.start_workflow(
                "tinyWorkflow", Person(mail=name), id=f"tiny-{uuid4()}", task_queue=name
            )
            for name in names
        ]
        async with asyncio.timeout(GRACE):
            while len(begun) < len(names):
                await asyncio.sleep(0.01)
        asked = time.monotonic()
    finally:
        stop.set()
        await running
    assert time.monotonic() - asked < len(names) * WORK
    assert sorted(begun) == sorted(names)
    for handle in handles:
        history = await handle.fetch_history()
        kinds = [event.WhichOneof("attributes") for event in history.events]
        assert "activity_task_completed_event_attributes" in kinds

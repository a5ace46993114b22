"""What stopping promises to work that is under way."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client

from alga_temporal_domain.queues.polling import Polling, QueueService
from alga_temporal_domain.queues.spec import EMAIL_DOMAINS, JOBS, SLA, TENANTS, QueueSpec
from alga_temporal_domain.queues.watching import PollWatch
from alga_workflows_core.infra.supervisor import Supervisor
from tests.domain.queues.tiny import Person, TinyWorkflow

GRACE = 2.0
HANGING = (EMAIL_DOMAINS, SLA, TENANTS)


async def test_all_queues_stop_together_and_finish_what_they_do(temporal_client: Client) -> None:
    """What ends within the process's deadline is done and reported; what does not is cancelled at
    that deadline, on every queue at the same time."""
    begun: asyncio.Queue[str] = asyncio.Queue()

    @activity.defn(name="tinyGreet")
    async def work(person: Person) -> str:
        begun.put_nowait(person.mail)
        await asyncio.sleep(60.0 if person.mail in HANGING else GRACE / 4)
        return person.mail

    stop = asyncio.Event()
    polling = Polling(
        client=temporal_client, build_id="t", grace=timedelta(seconds=GRACE), stopping=stop
    )
    names = (JOBS, *HANGING)
    services = [
        QueueService(
            QueueSpec(name=name, workflows=(TinyWorkflow,), activities=(work,)),
            polling,
            PollWatch(temporal_client, name, longest_silence=90),
        )
        for name in names
    ]
    running = asyncio.create_task(Supervisor(services, stop_timeout=10 * GRACE).run(stop))
    try:
        handles = {
            name: await temporal_client.start_workflow(
                "tinyWorkflow", Person(mail=name), id=f"tiny-{uuid4()}", task_queue=name
            )
            for name in names
        }
        async with asyncio.timeout(20):
            assert {await begun.get() for _ in names} == set(names)
        asked = time.monotonic()
    finally:
        stop.set()
        await running
    assert time.monotonic() - asked < 2 * GRACE
    assert begun.empty()
    history = await handles[JOBS].fetch_history()
    kinds = [event.WhichOneof("attributes") for event in history.events]
    assert "activity_task_completed_event_attributes" in kinds

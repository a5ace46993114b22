"""Small families for the queues; as a program, a service that serves them.

`python -m tests.domain.queues.tiny` with the service's environment and `TINY_SCHEDULES`: the ids of
schedules that there should be, as a comma list; "broken" among them is what no server takes.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.queues.spec import JOBS, SLA, QueueSpec
from alga_temporal_domain.schedules.desired import DesiredSchedule, FixedSchedules
from alga_workflows_core.infra.settings import LogSettings, load
from alga_workflows_core.infra.supervisor import exit_process, install_signal_handlers
from alga_workflows_core.infra.telemetry import configure_logging
from alga_workflows_core.types.model import Model
from temporal_worker.base import Mode
from temporal_worker.compose import serve
from temporal_worker.settings import ServiceSettings

SECRET = "jane.doe@example.org"


class Person(Model):
    """Personal data."""

    mail: str


@activity.defn(name="tinyGreet")
async def greet(person: Person) -> str:
    """A text with personal data in it; an error with some for nobody."""
    if person.mail == "":
        raise ApplicationError(f"nobody, not even {SECRET}", SECRET, non_retryable=True)
    return f"hello {person.mail}"


@workflow.defn(name="tinyWorkflow")
class TinyWorkflow:
    """Greets."""

    @workflow.run
    async def run(self, person: Person) -> str:
        """The greeting."""
        return await workflow.execute_activity(
            greet, person, start_to_close_timeout=timedelta(seconds=20)
        )


QUEUES = (
    QueueSpec(name=JOBS, workflows=(TinyWorkflow,), activities=(greet,)),
    QueueSpec(name=SLA, workflows=(TinyWorkflow,)),
)


def schedules(*names: str, every: timedelta = timedelta(hours=1)) -> FixedSchedules:
    """Schedules of these ids."""
    return FixedSchedules(
        "tiny",
        tuple(
            DesiredSchedule(
                id=name,
                queue=JOBS,
                workflow="tinyWorkflow",
                input=Person(mail=SECRET),
                cron=("not a cron expression",) if name == "broken" else (),
                every=None if name == "broken" else every,
            )
            for name in names
        ),
    )


async def _main() -> None:
    stop = asyncio.Event()
    install_signal_handlers(stop)
    names = filter(None, os.environ["TINY_SCHEDULES"].split(","))
    mode = Mode(open_tenant="default", extra_queues=QUEUES, extra_schedules=(schedules(*names),))
    await serve(ServiceSettings.load(), stop=stop, mode=mode)


if __name__ == "__main__":
    configure_logging(load(LogSettings), service="tiny")
    asyncio.run(_main())
    exit_process(0)

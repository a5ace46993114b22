"""A worker that kills itself: `python -m tests.services.chaos_worker`.

In `CHAOS_FOLDER` lies `kills`, a list of `number side` lines. The activities that this worker meets
are numbered in the order in which they are first met, in the file `met`; at those of `kills` it
sends itself SIGKILL, before the handler or after it, and only once for each.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from alga_workflows_core.infra.settings import LogSettings, load
from alga_workflows_core.infra.supervisor import exit_process, install_signal_handlers
from alga_workflows_core.infra.telemetry import configure_logging
from alga_workflows_core.temporal.wire import FlushRequest, PerformRequest
from alga_workflows_core.temporal.worker import WorkerOptions
from tests.durable.actions import actions
from workflow_worker.base import Mode
from workflow_worker.compose import serve
from workflow_worker.settings import ServiceSettings

STICKY_TIMEOUT = timedelta(seconds=1)
TASK_TIMEOUT = timedelta(seconds=3)


class Boundaries:
    """What was met, and where to die."""

    def __init__(self, folder: Path) -> None:
        self._met = folder / "met"
        self._folder = folder
        kills = folder / "kills"
        self._kills = set(kills.read_text().splitlines()) if kills.exists() else set[str]()

    def number(self, name: str) -> int:
        """Its place in the order in which activities were first met."""
        known = self._met.read_text().splitlines() if self._met.exists() else []
        if name not in known:
            known.append(name)
            self._met.write_text("".join(f"{each}\n" for each in known))
        return known.index(name)

    def passed(self, number: int, side: str) -> None:
        """Die, if this is where."""
        marker = self._folder / f"killed-{number}-{side}"
        if f"{number} {side}" in self._kills and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Killing(Interceptor):
    """Watches all activities."""

    def __init__(self, boundaries: Boundaries) -> None:
        self._boundaries = boundaries

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Activity(next, self._boundaries)


class _Activity(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, boundaries: Boundaries) -> None:
        super().__init__(inner)
        self._boundaries = boundaries

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        number = self._boundaries.number(_name(input.args[0]))
        self._boundaries.passed(number, "before")
        answer = await super().execute_activity(input)
        self._boundaries.passed(number, "after")
        return answer


def _name(request: object) -> str:
    """The same in each attempt."""
    if isinstance(request, PerformRequest):
        return f"perform {request.step}"
    if isinstance(request, FlushRequest):
        opens, closes = request.opens is not None, request.closes is not None
        return f"flush {request.batch.seq} {opens} {closes}"
    return type(request).__name__


async def _main() -> None:
    stop = asyncio.Event()
    install_signal_handlers(stop)
    boundaries = Boundaries(Path(os.environ["CHAOS_FOLDER"]))
    options = WorkerOptions(interceptors=[Killing(boundaries)], sticky_timeout=STICKY_TIMEOUT)
    mode = Mode(
        open_tenant="default",
        extra_actions=actions(),
        worker=options,
        task_timeout=TASK_TIMEOUT,
    )
    await serve(ServiceSettings.load(), stop=stop, mode=mode)


if __name__ == "__main__":
    configure_logging(load(LogSettings), service="chaos-worker")
    asyncio.run(_main())
    exit_process(0)

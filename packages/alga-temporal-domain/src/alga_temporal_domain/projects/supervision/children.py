"""What a supervisor wants of whoever starts processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from alga_temporal_domain.projects.calling import Broker
from alga_temporal_domain.projects.process.order import WorkOrder
from alga_temporal_domain.projects.process.statistics import Stats


class Ending(Protocol):
    """How a process ended: `wanted`, `bad_bundle`, `fenced`, or a kind of crash."""

    @property
    def kind(self) -> str:
        """What it means for the slot."""
        ...

    @property
    def reason(self) -> str:
        """For people."""
        ...


class Started(Protocol):
    """A process that takes work."""

    @property
    def load_ms(self) -> float:
        """How long it took to import the project's code."""
        ...


class Child(Protocol):
    """One process."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    async def ready(self, timeout: float) -> Started:  # noqa: ASYNC109
        """Return when it takes work. AlgaError when it has ended, TimeoutError when it is late."""
        ...

    def renew(self, deadline: float) -> None:
        """It may live until then, by `time.monotonic()`."""
        ...

    def stop(self) -> None:
        """Have it finish what runs and end; it is killed if that takes too long."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...

    async def ended(self) -> Ending:
        """Wait for its end."""
        ...


class Launcher(Protocol):
    """Starts processes."""

    async def start(
        self,
        order: WorkOrder,
        *,
        broker: Broker,
        on_stats: Callable[[Stats], None],
        on_line: Callable[[str, str], None],
        deadline: float | None = None,
    ) -> Child:
        """A process that is not ready yet. UnavailableError when there is none to be had."""
        ...

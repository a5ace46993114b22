"""The domain's queues as people see them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio.client import Client
from temporalio.service import RPCError

from alga_temporal_domain.queues.names import activity_name, workflow_name
from alga_temporal_domain.queues.pollers import Poller, pollers
from alga_temporal_domain.queues.spec import QueueSpec
from alga_temporal_domain.queues.table import QueueTable
from alga_temporal_domain.queues.watching import PollWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A queue. `is_polled`: by this process. `last_poll` is this process's, `pollers` are all that
    the server knows of, None if it does not answer; both by the server's clock."""

    spec: QueueSpec
    is_polled: bool
    last_poll: datetime | None
    identity: str | None
    pollers: tuple[Poller, ...] | None

    @property
    def workflows(self) -> list[str]:
        """The names of the workflow types that are served."""
        return sorted(map(workflow_name, self.spec.workflows))

    @property
    def activities(self) -> list[str]:
        """The names of the activity types that are served."""
        return sorted(map(activity_name, self.spec.activities))


class QueueDesk:
    """Answers what there is. `watches`: of the queues that this process polls, by name."""

    def __init__(self, client: Client, table: QueueTable, watches: Mapping[str, PollWatch]) -> None:
        self._client = client
        self._table = table
        self._watches = dict(watches)

    async def queues(self) -> Sequence[QueueState]:
        """All queues of the domain, served or not."""
        return await asyncio.gather(*map(self._state, self._table))

    async def _state(self, spec: QueueSpec) -> QueueState:
        watch = self._watches.get(spec.name)
        try:
            found = tuple(await pollers(self._client, spec.name))
        except RPCError:
            found = None
        return QueueState(
            spec=spec,
            is_polled=watch is not None,
            last_poll=None if watch is None else watch.last_poll,
            identity=None if watch is None else watch.identity,
            pollers=found,
        )

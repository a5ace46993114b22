"""Events that runs were told by signals go to the inbox."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from alga_workflows_core.storage.event_rows import NewEvent
from alga_workflows_core.storage.unit_of_work import Due, UnitOfWork
from alga_workflows_core.temporal.wire import RunIdentity, SignalledEvent

log = structlog.get_logger()


async def stage_signalled(
    work: UnitOfWork,
    identity: RunIdentity,
    temporal_run_id: str,
    events: Sequence[SignalledEvent],
) -> None:
    """Stage them for that run alone; doing so again changes nothing, and neither does an event of
    the same id that was signalled before. What is too large is told in the log and dropped."""
    fitting = [event for event in events if event.too_large is None]
    for event in events:
        if event.too_large is not None:
            log.warning(
                f"An event {event.event_name} of {event.too_large} bytes that run "
                f"{identity.run_id} was told by a signal is too large and was dropped",
                action="event.dropped",
                run_id=str(identity.run_id),
                tenant=identity.tenant_id,
                event_type=event.event_name,
            )
    if not fitting:
        return
    await work.events.stage_all(
        [
            NewEvent(
                source=f"signal:{identity.run_id}",
                event_id=event.event_id or f"{temporal_run_id}/{event.number}",
                type=event.event_name,
                correlation_key=event.correlation_key or None,
                data=event.payload,
                for_run=identity.run_id,
            )
            for event in fitting
        ]
    )
    work.leaves(Due.EVENTS)

"""Why an event has come to whom it has come: every answer there is, from real rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from alga_workflows_core.catalogue.actions import ActionCatalogue
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.events.accepting import Acceptor, Judgement, ToJudge
from alga_workflows_core.events.explaining import MOST, Considered, Outcome, explain
from alga_workflows_core.events.waits import EventWaitRules
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.event_rows import NewEvent, event_row_id
from alga_workflows_core.storage.runs import NewRun
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.temporal.names import wait_id
from alga_workflows_core.temporal.wire import OpenedWait, RunIdentity
from alga_workflows_core.types.states import DeliveryState

TENANT, NAME = "acme", "ORDER_PAID"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
LARGE = "x" * 2000


class Refusing:
    """Types that refuse every event."""

    async def judge(self, work: UnitOfWork, events: Sequence[ToJudge]) -> dict[UUID, Judgement]:
        assert work.tenant == TENANT
        why = ErrorInfo(code="EVENT_INVALID", category=Category.VALIDATION, message="It is bad.")
        return {event.id: Judgement(refusal=why) for event in events}


@dataclass(frozen=True)
class Rows:
    """Rows of runs, waits, definitions and events, as their makers write them."""

    storage: Storage
    definitions: DefinitionService
    waits: WaitDesk
    made: list[str] = field(default_factory=list[str])

    async def run(self, *, trigger: str = "api", key: str | None = None) -> UUID:
        run_id = uuid4()
        async with self.storage.unit_of_work(TENANT) as work:
            await work.runs.add(
                NewRun(
                    id=run_id,
                    definition_id="waiter",
                    version=1,
                    trigger_type=trigger,
                    execution_key=key or str(run_id),
                    request_hash="hash",
                    payload={},
                    created_by="test",
                )
            )
        return run_id

    async def wait(self, run_id: UUID, *filters: dict[str, Any], key: str | None = None) -> UUID:
        """Open a wait of a run for events of `NAME`."""
        match = {"eventName": NAME, "correlationKey": key, "filters": list(filters), "lookback": 0}
        step = f"wait{len(self.made)}"
        self.made.append(step)
        opened = OpenedWait(
            id=wait_id(run_id, step),
            key=step,
            path=step,
            kind="event",
            due=None,
            detail={"matches": [match]},
            at=NOW,
        )
        identity = RunIdentity(
            run_id=run_id,
            tenant_id=TENANT,
            workflow_id="waiter",
            workflow_version=1,
            trigger_type="api",
            execution_key="k",
        )
        async with self.storage.unit_of_work(TENANT) as work:
            await self.waits.lock(work, identity, opened)
            await self.waits.open(work, identity, opened)
        return opened.id

    async def definition(
        self, identity: str, *filters: dict[str, Any], starts: bool = True
    ) -> None:
        """Publish a definition that starts on events of `NAME`."""
        step = {"id": "end", "type": "control.return", "value": starts}
        document: dict[str, Any] = {"id": identity, "name": identity, "steps": [step]}
        if starts:
            document["trigger"] = {"type": "event", "eventName": NAME, "filters": list(filters)}
        await self.definitions.save_draft(TENANT, identity, document, by="test")
        await self.definitions.publish(TENANT, identity, note=None, by="test")

    async def event(self, data: Any = None, *, accept: bool = True, **more: Any) -> UUID:
        """An event, accepted unless that is not wanted."""
        new = NewEvent(source="shop", event_id=str(uuid4()), type=NAME, data=data, **more)
        async with self.storage.unit_of_work(TENANT) as work:
            await work.events.stage(new)
        row_id = event_row_id(TENANT, new.source, new.event_id)
        if accept:
            await Acceptor(self.storage).accept(TENANT, [row_id])
        return row_id

    async def close_delivery(self, event_id: UUID, state: DeliveryState) -> None:
        why = ErrorInfo(code="WHY", category=Category.VALIDATION, message="So it is.")
        async with self.storage.unit_of_work(TENANT) as work:
            (delivery,) = await work.deliveries.of_event(event_id)
            error = None if state is DeliveryState.DELIVERED else why.as_json()
            await work.deliveries.close(delivery.id, state, error)

    async def explained(self, event_id: UUID) -> list[Considered]:
        async with self.storage.unit_of_work(TENANT) as work:
            event = await work.events.get(event_id)
            assert event is not None
            return await explain(work, event)


@pytest.fixture
def rows(storage: Storage) -> Rows:
    catalogue = ActionCatalogue(storage=storage, own={})
    return Rows(
        storage,
        DefinitionService(storage=storage, actions=catalogue),
        WaitDesk(storage, {"event": EventWaitRules()}),
    )


PAID = {"path": "payload.paid", "op": "=", "value": True}


async def taken(rows: Rows) -> UUID:
    await rows.wait(await rows.run())
    return await rows.event()


async def refused_by_wait(rows: Rows) -> UUID:
    await rows.wait(await rows.run(), PAID)
    return await rows.event({"paid": LARGE})


async def other_key(rows: Rows) -> UUID:
    await rows.wait(await rows.run(), key="18")
    return await rows.event(correlation_key="17")


async def too_early(rows: Rows) -> UUID:
    event_id = await rows.event()
    await rows.wait(await rows.run())
    return event_id


async def spent(rows: Rows) -> UUID:
    run_id = await rows.run()
    for _ in range(2):
        await rows.wait(run_id)
    return await rows.event()


async def for_another_run(rows: Rows) -> UUID:
    await rows.wait(await rows.run())
    return await rows.event(for_run=await rows.run())


async def still_to_be_offered(rows: Rows) -> UUID:
    await rows.wait(await rows.run())
    return await rows.event(accept=False)


async def run_pending(rows: Rows) -> UUID:
    await rows.definition("starter")
    return await rows.event()


def ending(state: DeliveryState) -> Callable[[Rows], Awaitable[UUID]]:
    async def end(rows: Rows) -> UUID:
        event_id = await run_pending(rows)
        await rows.close_delivery(event_id, state)
        return event_id

    return end


async def held(rows: Rows) -> UUID:
    await rows.definition("starter")
    await rows.definitions.lifecycle.pause(TENANT, "starter", by="test")
    return await rows.event()


async def refused_by_trigger(rows: Rows) -> UUID:
    await rows.definition("starter", PAID)
    return await rows.event({})


async def trigger_not_active(rows: Rows) -> UUID:
    await rows.definition("starter")
    await rows.definition("starter", starts=False)
    return await rows.event()


async def trigger_too_late(rows: Rows) -> UUID:
    event_id = await rows.event()
    await rows.definition("starter")
    return event_id


async def not_accepted_yet(rows: Rows) -> UUID:
    return await rows.event(accept=False)


async def refused_by_type(rows: Rows) -> UUID:
    event_id = await rows.event(accept=False)
    await Acceptor(rows.storage, Refusing()).accept(TENANT, [event_id])
    return event_id


async def nobody(rows: Rows) -> UUID:
    return await rows.event()


SCENARIOS: dict[Outcome, Callable[[Rows], Awaitable[UUID]]] = {
    Outcome.TAKEN: taken,
    Outcome.REFUSED_BY_WAIT: refused_by_wait,
    Outcome.OTHER_KEY: other_key,
    Outcome.TOO_EARLY: too_early,
    Outcome.SPENT: spent,
    Outcome.FOR_ANOTHER_RUN: for_another_run,
    Outcome.STILL_TO_BE_OFFERED: still_to_be_offered,
    Outcome.RUN_STARTED: ending(DeliveryState.DELIVERED),
    Outcome.RUN_PENDING: run_pending,
    Outcome.HELD: held,
    Outcome.REJECTED: ending(DeliveryState.REJECTED),
    Outcome.DEAD: ending(DeliveryState.DEAD),
    Outcome.GONE: ending(DeliveryState.GONE),
    Outcome.REFUSED_BY_TRIGGER: refused_by_trigger,
    Outcome.TRIGGER_NOT_ACTIVE: trigger_not_active,
    Outcome.TRIGGER_TOO_LATE: trigger_too_late,
    Outcome.NOT_ACCEPTED_YET: not_accepted_yet,
    Outcome.REFUSED_BY_TYPE: refused_by_type,
    Outcome.NOBODY: nobody,
}


@pytest.mark.parametrize("outcome", list(Outcome))
async def test_every_outcome_is_told(rows: Rows, outcome: Outcome) -> None:
    """With a sentence, and with the run and step, or the definition, that it is about."""
    found = await rows.explained(await SCENARIOS[outcome](rows))
    (told,) = [each for each in found if each.outcome is outcome]
    assert told.message.endswith(".")
    of_itself = {Outcome.NOBODY, Outcome.NOT_ACCEPTED_YET, Outcome.REFUSED_BY_TYPE}
    if outcome in of_itself:
        assert (told.run_id, told.definition_id) == (None, None)
    elif told.definition_id is None:
        assert told.wait_id is not None
        assert told.step is not None
        assert f"{told.step!r} of run {told.run_id}" in told.message
    else:
        assert repr(told.definition_id) in told.message
    # Nobody else was concerned; of an event that is not accepted, itself is told besides.
    assert {each.outcome for each in found} <= {
        outcome,
        Outcome.NOT_ACCEPTED_YET if outcome is Outcome.STILL_TO_BE_OFFERED else outcome,
        Outcome.TAKEN if outcome is Outcome.SPENT else outcome,
    }


async def test_a_filter_is_told_with_what_it_wanted_and_what_was_found(rows: Rows) -> None:
    """Large values by their size, and that nothing was there."""
    (told,) = await rows.explained(await refused_by_wait(rows))
    assert told.filter is not None
    assert (told.filter.path, told.filter.op, told.filter.value) == ("payload.paid", "=", True)
    assert (told.filter.found, told.filter.missing) == ("… (2002 bytes)", False)
    found = await rows.explained(await refused_by_trigger(rows))
    (of_trigger,) = [each for each in found if each.outcome is Outcome.REFUSED_BY_TRIGGER]
    assert of_trigger.filter is not None
    assert (of_trigger.filter.found, of_trigger.filter.missing) == (None, True)


async def test_the_event_that_started_a_run_is_spent_for_its_waits(rows: Rows) -> None:
    """Although a wait of the run looks for such events and would reach it."""
    event_id = await rows.event()
    await rows.wait(await rows.run(trigger="event", key=str(event_id)))
    (told,) = await rows.explained(event_id)
    assert told.outcome is Outcome.SPENT


async def test_of_many_that_look_for_the_name_some_are_told(rows: Rows) -> None:
    """A bounded number, whatever their number is."""
    for _ in range(MOST + 5):
        await rows.wait(await rows.run(), key="18")
    found = await rows.explained(await rows.event(correlation_key="17"))
    assert [each.outcome for each in found] == [Outcome.OTHER_KEY] * MOST
    assert found[0].keys == ["18"]


async def test_a_refused_event_is_accepted_when_it_is_staged_again(rows: Rows) -> None:
    """After its type was corrected; its lease does not hold it up."""
    event_id = await refused_by_type(rows)
    async with rows.storage.unit_of_work(TENANT) as work:
        assert await work.events.stage_again(event_id)
        assert not await work.events.stage_again(event_id)
    assert await rows.storage.across.claim_events(10, timedelta(minutes=1)) == [(TENANT, event_id)]
    await Acceptor(rows.storage).accept(TENANT, [event_id])
    (told,) = await rows.explained(event_id)
    assert told.outcome is Outcome.NOBODY
    async with rows.storage.transaction(TENANT) as connection:
        refusal = await connection.scalar(text("SELECT refusal FROM workflow_events"))
    assert refusal is None

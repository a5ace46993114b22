"""`events.publish`: a row in the transaction of the call."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.actions.builtin import events
from alga_workflows_core.actions.builtin.events import MAX_DATA_BYTES
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category
from alga_workflows_core.storage.unit_of_work import Storage
from tests.core.actions.invocations import INVOCATION
from tests.core.actions.kept import Kept

EVENT: dict[str, Any] = {"type": "ORDER_PAID", "data": {"order": 17}}
CALL = UUID("33333333-3333-5333-8333-333333333333")


@pytest_asyncio.fixture
async def kept(storage: Storage) -> Kept:
    """The actions over the test's database."""
    return Kept(storage)


async def rows(storage: Storage) -> list[dict[str, Any]]:
    """All events, of whatever tenant, in the order of their coming."""
    async with storage.database.connect() as connection:
        found = await connection.execute(
            text("SELECT * FROM workflow_events ORDER BY received_at, id")
        )
        return [dict(row) for row in found.mappings()]


async def test_an_event_is_staged(kept: Kept) -> None:
    """One row with what was given, the run that told it, and the database's time."""
    answer = await kept.answer(
        "events.publish", **EVENT, source="shop", subject="order/17", correlationKey="17", id="e-1"
    )
    (row,) = await rows(kept.storage)
    told = {"eventId": str(row["id"]), "id": "e-1", "source": "shop", "duplicate": False}
    assert answer == told
    assert row.pop("received_at") is not None
    assert row.pop("accept_due_at") is not None
    assert isinstance(row.pop("id"), UUID)
    assert row == {
        "tenant": INVOCATION.tenant,
        "source": "shop",
        "event_id": "e-1",
        "type": "ORDER_PAID",
        "subject": "order/17",
        "correlation_key": "17",
        "data": {"order": 17},
        "state": "STAGED",
        "published_by_run": INVOCATION.run_id,
        "for_run": None,
        "occurred_at": None,
        "accepted_at": None,
        "accept_attempts": 0,
        "position": None,
        "refusal": None,
    }


async def test_type_and_data_are_enough(kept: Kept) -> None:
    """The id is the call's then, the source the engine, and there is no key."""
    answer = await kept.answer("events.publish", call=CALL, type="DONE", data=None)
    (row,) = await rows(kept.storage)
    assert answer == {
        "eventId": str(row["id"]),
        "id": str(CALL),
        "source": "alga-workflows",
        "duplicate": False,
    }
    assert (row["subject"], row["correlation_key"], row["data"]) == (None, None, None)


async def test_the_subject_is_the_key_where_none_is_given(kept: Kept) -> None:
    """Waits find an event by `correlationKey`, else by `subject`."""
    await kept.answer("events.publish", **EVENT, subject="order/17")
    (row,) = await rows(kept.storage)
    assert (row["subject"], row["correlation_key"]) == ("order/17", "order/17")


async def test_a_call_that_is_repeated_tells_one_event(kept: Kept) -> None:
    """Other calls tell others, although they say the same."""
    first = await kept.answer("events.publish", call=CALL, **EVENT)
    again = await kept.answer("events.publish", call=CALL, **EVENT)
    other = await kept.answer("events.publish", **EVENT)

    assert (first["duplicate"], again["duplicate"], other["duplicate"]) == (False, True, False)
    assert again["eventId"] == first["eventId"]
    assert len(await rows(kept.storage)) == 2


async def test_an_id_counts_once_in_its_source(kept: Kept) -> None:
    """The first event stays as it is; of another source or tenant it is another event."""
    theirs = Kept(kept.storage, tenant="globex")
    named: dict[str, Any] = {"id": "e-1", "source": "shop"}
    await kept.answer("events.publish", **EVENT, **named)
    changed = await kept.answer("events.publish", type="OTHER", data=2, **named)
    elsewhere = await kept.answer("events.publish", **EVENT, id="e-1", source="shop/2")
    of_them = await theirs.answer("events.publish", **EVENT, **named)

    assert [answer["duplicate"] for answer in (changed, elsewhere, of_them)] == [True, False, False]
    found = await rows(kept.storage)
    assert [row["type"] for row in found] == ["ORDER_PAID"] * 3
    assert len({row["id"] for row in found}) == 3


async def test_of_many_who_tell_one_event_one_does(kept: Kept) -> None:
    """Also when they come at once."""
    answers = await asyncio.gather(
        *(kept.answer("events.publish", **EVENT, id="e-1") for _ in range(10))
    )
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 9
    assert len(await rows(kept.storage)) == 1


async def test_an_event_of_a_transaction_that_is_rolled_back_was_not_told(kept: Kept) -> None:
    """It is written with the ledger's row or not at all, and may be told later."""
    assert (await kept.abandoned("events.publish", **EVENT, id="e-1"))["duplicate"] is False
    assert await rows(kept.storage) == []
    answer = await kept.answer("events.publish", **EVENT, id="e-1")
    assert answer["duplicate"] is False


async def test_data_has_a_limit(kept: Kept) -> None:
    """256 KiB as JSON, to the byte."""
    largest = "é" * ((MAX_DATA_BYTES - 2) // 2)
    await kept.answer("events.publish", type="LARGE", data=largest)
    error = await kept.refusal("events.publish", type="LARGE", data=largest + "e")
    assert (error.error_code, error.category, error.retryable) == (
        "SIZE_LIMIT",
        Category.LIMIT,
        False,
    )
    assert error.details == {"bytes": MAX_DATA_BYTES + 1, "limit": MAX_DATA_BYTES}
    assert len(await rows(kept.storage)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"type": ""},
        {"type": "a b"},
        {"source": ""},
        {"source": "a\nb"},
        {"source": "x" * 513},
        {"id": ""},
        {"id": "a\0"},
        {"subject": ""},
        {"correlationKey": ""},
        {"correlationKey": 17},
        {"time": "2026-01-01"},
    ],
    ids=repr,
)
async def test_other_input_is_refused(kept: Kept, fields: dict[str, Any]) -> None:
    """Nothing is written then."""
    error = await kept.refusal("events.publish", **{**EVENT, **fields})
    assert error.error_code == "ACTION_INPUT_INVALID"
    assert await rows(kept.storage) == []


async def test_an_accepted_event_is_not_staged_again(kept: Kept) -> None:
    """The database refuses the way back, and states that it does not know."""
    await kept.answer("events.publish", **EVENT)

    async def become(state: str) -> None:
        async with kept.storage.transaction(INVOCATION.tenant) as connection:
            await connection.execute(
                text("UPDATE workflow_events SET state = :state"), {"state": state}
            )

    await become("ACCEPTED")
    for state in ("STAGED", "SUCCEEDED"):
        with pytest.raises(Exception, match="may not change from ACCEPTED") as raised:
            await become(state)
        assert isinstance(raised.value.__cause__, DBAPIError)


def test_it_may_run_beside_the_workflow(storage: Storage) -> None:
    """It is short, and its row commits with the ledger's."""
    (action,) = events.actions(storage)
    assert (action.spec.kind, action.spec.short) == (ActionKind.TRANSACTIONAL, True)

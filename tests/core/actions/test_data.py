"""`data.*`: values that runs share, on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from alga_workflows_core.actions.builtin.data import MAX_VALUE_BYTES
from alga_workflows_core.actions.builtin.data import actions as data_actions
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.lanes import MAX_LOCAL_BYTES
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.storage.unit_of_work import Storage
from tests.core.actions.invocations import INVOCATION
from tests.core.actions.kept import Kept

HERE: dict[str, Any] = {"namespace": "counters", "key": "orders"}
ABSENT = {"found": False, "value": None, "revision": 0, "updatedAt": None, "expiresAt": None}


@pytest_asyncio.fixture
async def kept(storage: Storage) -> Kept:
    """The actions over the test's database."""
    return Kept(storage)


async def value(kept: Kept, **place: Any) -> Any:
    """What is kept; None if nothing is."""
    return (await kept.answer("data.get", **{**HERE, **place}))["value"]


async def make_older(storage: Storage, by: timedelta) -> None:
    """Let `by` pass for every entry that is to expire."""
    async with storage.database.engine.begin() as connection:
        await connection.execute(
            text("UPDATE alga_data SET expires_at = expires_at - CAST(:by AS interval)"), {"by": by}
        )


@pytest.mark.parametrize(
    "given",
    [None, False, 0, 2**53 - 1, 0.1, "", "\0é😀", [], {}, {"a": [1, {"b": None}], "": "x"}],
    ids=repr,
)
async def test_what_was_set_is_got(kept: Kept, given: Any) -> None:
    """Any JSON comes back unchanged, null too, with its revision and the time of the write."""
    assert await kept.answer("data.set", **HERE, value=given) == {"revision": 1, "created": True}

    found = await kept.answer("data.get", **HERE, default="none")
    updated = datetime.fromisoformat(found.pop("updatedAt"))
    assert abs(datetime.now(UTC) - updated) < timedelta(minutes=1)
    assert found == {"found": True, "value": given, "revision": 1, "expiresAt": None}


async def test_without_an_entry_there_is_the_default(kept: Kept) -> None:
    """Its revision is 0, which is what `ifRevision` takes for an entry that must not exist."""
    assert await kept.answer("data.get", **HERE) == ABSENT
    assert await kept.answer("data.get", **HERE, default=[1]) == {**ABSENT, "value": [1]}


async def test_each_write_is_a_revision(kept: Kept) -> None:
    """They count from 1; an entry that was deleted begins anew."""
    answers = [await kept.answer("data.set", **HERE, value=number) for number in range(3)]
    assert [answer["revision"] for answer in answers] == [1, 2, 3]
    assert [answer["created"] for answer in answers] == [True, False, False]
    assert await kept.answer("data.delete", **HERE) == {"deleted": True, "revision": 3}
    assert await kept.answer("data.set", **HERE, value=9) == {"revision": 1, "created": True}


async def test_a_write_can_be_made_to_depend_on_a_revision(kept: Kept) -> None:
    """It happens at that revision only; a conflict tells the present one and changes nothing."""
    missing = await kept.refusal("data.set", **HERE, value="a", ifRevision=1)
    await kept.answer("data.set", **HERE, value="a", ifRevision=0)
    again = await kept.refusal("data.set", **HERE, value="b", ifRevision=0)
    answer = await kept.answer("data.set", **HERE, value="b", ifRevision=1)
    late = await kept.refusal("data.set", **HERE, value="c", ifRevision=1)

    assert answer == {"revision": 2, "created": False}
    for error, present in ((missing, 0), (again, 1), (late, 2)):
        assert (error.error_code, error.retryable) == ("DATA_CONFLICT", False)
        assert error.details == {"revision": present}
        assert error.remedy
    assert await value(kept) == "b"


async def test_a_deletion_can_depend_on_a_revision_too(kept: Kept) -> None:
    """What is not there is not deleted, which is no failure unless a revision was wanted."""
    assert await kept.answer("data.delete", **HERE) == {"deleted": False, "revision": 0}
    assert (await kept.refusal("data.delete", **HERE, ifRevision=1)).details == {"revision": 0}
    await kept.answer("data.set", **HERE, value=1)
    assert (await kept.refusal("data.delete", **HERE, ifRevision=2)).details == {"revision": 1}
    assert await value(kept) == 1
    assert await kept.answer("data.delete", **HERE, ifRevision=1) == {
        "deleted": True,
        "revision": 1,
    }
    assert await kept.answer("data.get", **HERE) == ABSENT


async def test_of_many_who_must_be_first_one_is(kept: Kept) -> None:
    """`ifRevision: 0` lets one writer through, however many come at once."""

    async def claim(number: int) -> int:
        try:
            await kept.answer("data.set", **HERE, value=number, ifRevision=0)
        except ActionError as error:
            return error.details["revision"]
        return 0

    claims = await asyncio.gather(*(claim(number) for number in range(20)))
    assert sorted(claims) == [0] + [1] * 19
    assert await value(kept) == claims.index(0)


async def test_no_increment_is_lost(kept: Kept) -> None:
    """Fifty runs count at once, the first of them making the entry: the sum is exact."""
    answers = await asyncio.gather(
        *(kept.answer("data.increment", **HERE, by=number / 10) for number in range(1, 51))
    )
    assert await value(kept) == 127.5
    assert sorted(answer["revision"] for answer in answers) == list(range(1, 51))
    assert sum(answer["created"] for answer in answers) == 1


async def test_an_increment_that_is_rolled_back_did_not_happen(kept: Kept) -> None:
    """The number is written in the transaction of the call, and ends as that does."""
    await kept.answer("data.increment", **HERE)
    assert (await kept.abandoned("data.increment", **HERE))["value"] == 2
    assert await value(kept) == 1


@pytest.mark.parametrize(
    ("before", "by", "after"),
    [
        (0.1, 0.2, 0.3),
        (1, -1, 0),
        (0.3, -0.3, 0),
        (2**53 - 2, 1, 2**53 - 1),
        (-5, 2.5, -2.5),
    ],
)
async def test_numbers_are_added_as_they_are_written(
    kept: Kept, before: float, by: float, after: float
) -> None:
    """In decimal fractions; a whole sum is a whole number."""
    await kept.answer("data.set", **HERE, value=before)
    answer = await kept.answer("data.increment", **HERE, by=by)
    assert (answer["value"], type(answer["value"])) == (after, type(after))


@pytest.mark.parametrize(
    ("before", "by"), [(2**53 - 1, 1), (1e15, 0.0001), (1e300, 1e300), (1.7e308, 1.7e308)]
)
async def test_a_sum_that_would_lose_digits_is_refused(
    kept: Kept, before: float, by: float
) -> None:
    """Nothing is rounded in silence."""
    await kept.answer("data.set", **HERE, value=before)
    error = await kept.refusal("data.increment", **HERE, by=by)
    assert (error.error_code, error.category) == ("NUMBER_RANGE", Category.VALIDATION)
    assert await value(kept) == before


@pytest.mark.parametrize("held", ["1", True, None, [1]])
async def test_what_is_no_number_is_not_counted(kept: Kept, held: Any) -> None:
    """Text with digits, true and null are none."""
    await kept.answer("data.set", **HERE, value=held)
    error = await kept.refusal("data.increment", **HERE)
    assert (error.error_code, error.retryable) == ("DATA_NOT_NUMBER", False)


async def test_a_count_stays_within_its_limits(kept: Kept) -> None:
    """Reaching a limit is fine, passing it is refused with the number that stays."""
    limits: dict[str, Any] = {"start": 5, "min": 0, "max": 7}
    assert (await kept.answer("data.increment", **HERE, by=2, **limits))["value"] == 7
    above = await kept.refusal("data.increment", **HERE, by=0.5, **limits)
    assert (await kept.answer("data.increment", **HERE, by=-7, **limits))["value"] == 0
    below = await kept.refusal("data.increment", **HERE, by=-1, **limits)

    assert (above.error_code, above.details) == ("DATA_LIMIT", {"value": 7, "limit": "max"})
    assert (below.error_code, below.details) == ("DATA_LIMIT", {"value": 0, "limit": "min"})
    assert not above.retryable
    assert await value(kept) == 0


async def test_a_refused_first_increment_makes_no_entry(kept: Kept) -> None:
    """The limit holds for the start too."""
    error = await kept.refusal("data.increment", **HERE, by=3, max=2)
    assert error.details == {"value": 0, "limit": "max"}
    assert await kept.answer("data.get", **HERE) == ABSENT


async def test_an_entry_is_gone_when_its_time_is_over(kept: Kept) -> None:
    """For readers, conditions and counts alike; the next one under its key is a new one."""
    before = datetime.now(UTC)
    await kept.answer("data.set", **HERE, value=1, ttl=60)
    expires = datetime.fromisoformat((await kept.answer("data.get", **HERE))["expiresAt"])
    assert timedelta(0) < expires - before < timedelta(seconds=120)

    await make_older(kept.storage, timedelta(seconds=120))
    assert await kept.answer("data.get", **HERE) == ABSENT
    assert (await kept.answer("data.list", namespace="counters"))["entries"] == []
    assert (await kept.refusal("data.set", **HERE, value=2, ifRevision=1)).details["revision"] == 0
    answer = await kept.answer("data.increment", **HERE, by=5, ttl=60)
    assert (answer["value"], answer["revision"], answer["created"]) == (5, 1, True)
    await make_older(kept.storage, timedelta(seconds=120))
    assert await kept.answer("data.delete", **HERE) == {"deleted": False, "revision": 0}


async def test_an_increment_keeps_the_time_and_a_write_replaces_it(kept: Kept) -> None:
    """So that a count within a window ends with the window that it was begun in."""
    at = "2999-01-02T03:04:05.000Z"

    async def expiry() -> str | None:
        return (await kept.answer("data.get", **HERE))["expiresAt"]

    await kept.answer("data.increment", **HERE, expiresAt="2999-01-02T04:04:05+01:00")
    await kept.answer("data.increment", **HERE, ttl=60)
    assert await expiry() == at
    await kept.answer("data.set", **HERE, value=1)
    assert await expiry() is None


async def test_rows_whose_time_is_over_are_swept_up(kept: Kept) -> None:
    """Whoever writes an entry that is to expire removes some that have; others stay."""
    await kept.answer("data.set", namespace="n", key="stays", value=1)
    for number in range(12):
        await kept.answer("data.set", namespace="n", key=f"{number}", value=1, ttl=60)
    await make_older(kept.storage, timedelta(seconds=120))
    await kept.answer("data.set", namespace="other", key="new", value=1, ttl=60)
    await kept.answer("data.set", namespace="other", key="newer", value=1, ttl=60)

    async with kept.storage.database.connect() as connection:
        rows = await connection.execute(text("SELECT key FROM alga_data ORDER BY key"))
        assert rows.scalars().all() == ["new", "newer", "stays"]


async def test_pages_follow_one_another_by_code_points(kept: Kept) -> None:
    """Each key once, whatever the locale says of its order; values only when they are wanted."""
    keys = ["a", "B", "é", "Z", "😀", "a.b", "a/1", "a_", 'a"\\']
    for key in keys:
        await kept.answer("data.set", namespace="n", key=key, value={"of": key})
    await kept.answer("data.set", namespace="m", key="elsewhere", value=1)

    found: list[Any] = []
    page = await kept.answer("data.list", namespace="n", limit=2)
    while page["next"] is not None:
        found += page["entries"]
        page = await kept.answer("data.list", namespace="n", limit=2, after=page["next"])
    found += page["entries"]
    assert [entry["key"] for entry in found] == sorted(keys)
    assert {entry["value"] for entry in found} == {None}

    full = await kept.answer("data.list", namespace="n", values=True, limit=9)
    assert [entry["value"]["of"] for entry in full["entries"]] == sorted(keys)
    assert full["next"] is None


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("a", ["a%", "aa", "a_"]), ("a%", ["a%"]), ("a_", ["a_"]), ("A", []), ("b", ["b"])],
)
async def test_a_prefix_is_taken_literally(kept: Kept, prefix: str, expected: list[str]) -> None:
    """% and _ are characters like others, and so is upper case."""
    for key in ("a%", "aa", "a_", "b"):
        await kept.answer("data.set", namespace="n", key=key, value=1)
    page = await kept.answer("data.list", namespace="n", prefix=prefix)
    assert [entry["key"] for entry in page["entries"]] == sorted(expected)


async def test_the_largest_value_can_be_written_read_and_listed(kept: Kept) -> None:
    """Its answer still fits a short action's, under the longest key; one byte more is refused."""
    largest = "é" * ((MAX_VALUE_BYTES - 2) // 2)
    assert encoded_size(largest) == MAX_VALUE_BYTES
    keys = [str(number) + '"' * 511 for number in range(3)]
    for key in keys:
        await kept.answer("data.set", namespace="n", key=key, value=largest)
    got = await kept.answer("data.get", namespace="n", key=keys[0])
    assert got["value"] == largest

    listed: list[str] = []
    after = ""
    for _ in keys:
        page = await kept.answer("data.list", namespace="n", values=True, after=after)
        assert encoded_size(page) <= MAX_LOCAL_BYTES
        listed += [entry["key"] for entry in page["entries"]]
        after = page["next"]
    assert (listed, after) == (keys, None)

    error = await kept.refusal("data.set", **HERE, value=largest + "e")
    assert (error.error_code, error.category) == ("SIZE_LIMIT", Category.LIMIT)
    assert error.details == {"bytes": MAX_VALUE_BYTES + 1, "limit": MAX_VALUE_BYTES}


async def test_a_page_of_long_keys_fits_its_limit(kept: Kept) -> None:
    """The longest keys with the most bytes still make a page that a short action may answer."""
    keys = [f"{number:03}{'😀' * 509}" for number in range(200)]
    async with kept.storage.transaction(INVOCATION.tenant) as connection:
        performer = Performer(Registry(data_actions(kept.storage)))
        within = replace(INVOCATION, transaction_or_none=connection)
        for key in keys:
            await performer.perform("data.set", 1, {**HERE, "key": key, "value": 1}, within)
    listed: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await kept.answer("data.list", namespace="counters", limit=500, after=after)
        assert encoded_size(page) <= MAX_LOCAL_BYTES
        listed += [entry["key"] for entry in page["entries"]]
        after = page["next"]
    assert listed == keys


@pytest.mark.parametrize(
    ("action_id", "fields"),
    [
        ("data.get", {"key": ""}),
        ("data.get", {"key": "x" * 513}),
        ("data.get", {"key": "a\nb"}),
        ("data.get", {"key": "a\0b"}),
        ("data.get", {"key": "\ud800"}),
        ("data.get", {"namespace": ""}),
        ("data.get", {"namespace": "a b"}),
        ("data.get", {"namespace": "x" * 129}),
        ("data.set", {}),
        ("data.set", {"value": 1, "ifRevision": -1}),
        ("data.set", {"value": 1, "ttl": 0}),
        ("data.set", {"value": 1, "ttl": 1e12}),
        ("data.set", {"value": 1, "ttl": "60"}),
        ("data.set", {"value": 1, "ttl": 60, "expiresAt": "2999-01-01"}),
        ("data.increment", {"by": "1"}),
        ("data.increment", {"by": True}),
        ("data.delete", {"ifRevision": 0}),
        ("data.list", {"limit": 0}),
        ("data.list", {"limit": 501}),
        ("data.list", {"prefix": "x" * 513}),
    ],
    ids=repr,
)
async def test_other_input_is_refused(kept: Kept, action_id: str, fields: dict[str, Any]) -> None:
    """Before anything is read or written."""
    place = {"namespace": "n"} if action_id == "data.list" else HERE
    error = await kept.refusal(action_id, **{**place, **fields})
    assert (error.error_code, error.retryable) == ("ACTION_INPUT_INVALID", False)


@pytest.mark.parametrize(
    ("at", "code"),
    [("soon", "DATE_UNREADABLE"), ("9999-12-31", "DATE_RANGE"), ("0001-01-01", "DATE_RANGE")],
)
async def test_an_expiry_that_cannot_be_kept_is_refused(kept: Kept, at: str, code: str) -> None:
    """A time that is none, or that a database cannot tell in every zone."""
    assert (await kept.refusal("data.set", **HERE, value=1, expiresAt=at)).error_code == code


async def test_tenants_do_not_meet(kept: Kept) -> None:
    """The same key of another tenant is another entry."""
    theirs = Kept(kept.storage, tenant="globex")
    await kept.answer("data.set", **HERE, value="ours")
    assert await theirs.answer("data.get", **HERE) == ABSENT
    assert (await theirs.answer("data.list", namespace="counters"))["entries"] == []
    await theirs.answer("data.set", **HERE, value="theirs", ifRevision=0)
    await theirs.answer("data.delete", **HERE)
    assert await value(kept) == "ours"


async def test_a_database_that_is_away_may_be_back_later() -> None:
    """Reading is tried again then."""
    nowhere = Database(
        load(DatabaseSettings, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    )
    error = await Kept(Storage(nowhere)).refusal("data.get", **HERE)
    await nowhere.close()
    assert (error.error_code, error.category, error.retryable) == (
        "UNAVAILABLE",
        Category.TRANSIENT,
        True,
    )


def test_reads_are_reads_and_writes_are_transactional(storage: Storage) -> None:
    """All are short, so they run beside the workflow."""
    specs = [action.spec for action in data_actions(storage)]
    assert {spec.id: spec.kind for spec in specs} == {
        "data.get": ActionKind.READ,
        "data.list": ActionKind.READ,
        "data.set": ActionKind.TRANSACTIONAL,
        "data.increment": ActionKind.TRANSACTIONAL,
        "data.delete": ActionKind.TRANSACTIONAL,
    }
    assert all(spec.short for spec in specs)

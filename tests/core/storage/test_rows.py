"""What repositories are given comes back unchanged, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from alga_workflows_core.storage.definitions import NewVersion
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.states import RunStatus
from tests.core.storage.rows import CLOSED, NEW_RUN, STEP

T = TypeVar("T")
C = TypeVar("C")

TENANT = "acme"


def nested(depth: int) -> Json:
    """Lists and objects inside each other."""
    value: Json = "inside"
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value


# Any string of Python is JSON text when it is escaped, half surrogate pairs and NUL included.
TEXTS = st.text(st.characters(), max_size=20)
JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
AWKWARD: dict[str, Json] = {
    "null": None,
    "false": False,
    "zero": 0,
    "empty string": "",
    "NUL": {"a\x00b": "\x00"},
    "half a pair": {"\ud83d": ["\ude00", "x\ud800y"]},
    "a pair": "\U0001f600",
    "line separators": "\u2028\u2029\x7f\x1f",
    "large whole number": 2**53 - 1,
    "small double": 5e-324,
    "order of members": {"b": 1, "a": 2, "10": 3, "9": 4},
    "nested": nested(200),
    "large": {"rows": [{"n": n, "text": "é" * 80} for n in range(4000)]},
}


async def round_trip(storage: Storage, value: Json) -> list[Json]:
    """`value` as payload, result, error, output and pinned action; what each is read as."""
    run_id = uuid4()
    version = NewVersion(
        hash=str(run_id),
        document="{}",
        actions=[{"value": value}],
        engine=1,
        expression_engine="none",
        note=None,
    )
    step = replace(STEP, output=value, error={"value": value})
    async with storage.unit_of_work(TENANT) as work:
        await work.runs.apply(
            replace(CLOSED, id=run_id, payload=value, result=value, error={"value": value})
        )
        await work.steps.apply(run_id, [step])
        await work.definitions.save_draft("d", name="D", draft="{}", draft_hash="h", by="test")
        await work.definitions.add_version("d", version, by="test")
    async with storage.unit_of_work(TENANT) as work:
        run = await work.runs.get(run_id)
        steps = await work.steps.list(run_id, after=None, limit=1)
        published = await work.definitions.version_by_hash("d", version.hash)
    assert run is not None
    assert run.error is not None
    assert published is not None
    assert steps == [step]
    return [run.payload, run.result, run.error["value"], published.actions[0]["value"]]


@pytest.mark.parametrize("name", AWKWARD)
async def test_awkward_values_come_back_unchanged(storage: Storage, name: str) -> None:
    """Null is not absence, members keep their order, and no character is too strange."""
    value = AWKWARD[name]
    found = await round_trip(storage, value)
    assert found == [value] * 4
    assert [repr(one) for one in found] == [repr(value)] * 4


@given(value=JSONS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_json_comes_back_unchanged(storage: Storage, value: Json) -> None:
    """Whatever a remote service may answer can be stored."""
    assert await round_trip(storage, value) == [value] * 4


async def test_a_value_that_is_not_json_is_refused_before_it_is_sent(storage: Storage) -> None:
    """NaN has no JSON text."""
    with pytest.raises(Exception, match="not JSON compliant"):
        async with storage.unit_of_work(TENANT) as work:
            await work.runs.add(replace(NEW_RUN, payload={"x": float("nan")}))


async def test_names_that_no_text_column_takes_do_not_keep_a_row_from_being_written(
    storage: Storage,
) -> None:
    """NUL and half of a surrogate pair in a name or note become the replacement character."""
    strange, stored = "a\x00b\ud800c", "a\ufffdb\ufffdc"
    version = NewVersion(
        hash="h", document="{}", actions=[], engine=1, expression_engine="none", note=strange
    )
    async with storage.unit_of_work(TENANT) as work:
        await work.definitions.save_draft("d", name=strange, draft="{}", draft_hash="h", by="test")
        published = await work.definitions.add_version("d", version, by="test")
        await work.steps.apply(CLOSED.id, [replace(STEP, name=strange)])
        await work.api_keys.add(uuid4(), name=strange, role="reader", key_hash="h")
        definition = await work.definitions.get("d")
        steps = await work.steps.list(CLOSED.id, after=None, limit=1)
        keys = await work.api_keys.list()
    assert definition is not None
    names = [definition.name, published.note, steps[0].name, keys[0].name]
    assert names == [stored] * 4


async def test_a_run_that_is_added_again_stays_as_it_is(storage: Storage) -> None:
    """The first launch wins; the second hears that it made nothing."""
    async with storage.unit_of_work(TENANT) as work:
        assert await work.runs.add(NEW_RUN)
        before = await work.runs.get(NEW_RUN.id)
    async with storage.unit_of_work(TENANT) as work:
        assert not await work.runs.add(replace(NEW_RUN, payload={"other": 1}, version=2))
        assert await work.runs.get(NEW_RUN.id) == before


async def test_versions_are_numbered_from_one_within_a_definition(storage: Storage) -> None:
    """Each definition counts for itself; a version is found by number and by content."""
    new = NewVersion(
        hash="first", document='{"a": 1}', actions=[], engine=1, expression_engine="e", note="n"
    )
    async with storage.unit_of_work(TENANT) as work:
        for definition in ("a", "b"):
            await work.definitions.save_draft(
                definition, name="N", draft="{}", draft_hash="h", by="test"
            )
        first = await work.definitions.add_version("a", new, by="me")
        second = await work.definitions.add_version("a", replace(new, hash="second"), by="me")
        other = await work.definitions.add_version("b", new, by="me")
        assert [first.version, second.version, other.version] == [1, 2, 1]
        assert await work.definitions.version("a", 2) == second
        assert await work.definitions.version_by_hash("a", "first") == first
        assert await work.definitions.version_by_hash("b", "second") is None
    assert first.parsed() == {"a": 1}


async def pages(
    read: Callable[[C | None], Awaitable[list[T]]],
    cursor: Callable[[T], C],
    between: Callable[[], Awaitable[None]] | None = None,
) -> list[T]:
    """Everything that `read` gives, page after page; `between` runs behind each page."""
    found: list[T] = []
    after: C | None = None
    while page := await read(after):
        found += page
        after = cursor(page[-1])
        if between is not None:
            await between()
    return found


async def add_runs(storage: Storage, count: int, **changes: Any) -> list[UUID]:
    """New runs, whose rows get `changes` of `NewRun`."""
    ids = [uuid4() for _ in range(count)]
    async with storage.unit_of_work(TENANT) as work:
        for run_id in ids:
            await work.runs.add(replace(NEW_RUN, id=run_id, **changes))
    return ids


def _time_and_id(run: RunRow) -> tuple[datetime, UUID]:
    return run.created_at, run.id


async def test_pages_of_runs_neither_lose_nor_repeat_one(storage: Storage) -> None:
    """Newest first, also where many were created at the same moment and more are coming in."""
    ids = await add_runs(storage, 23)
    async with storage.database.engine.begin() as connection:
        await connection.execute(text("UPDATE workflow_runs SET created_at = '2026-01-01Z'"))
    newer = await add_runs(storage, 4)

    async def read(after: tuple[datetime, UUID] | None) -> list[RunRow]:
        async with storage.unit_of_work(TENANT) as work:
            return await work.runs.list(after=after, limit=5)

    async def between() -> None:
        await add_runs(storage, 2)

    found = await pages(read, _time_and_id, between)
    assert [run.id for run in found] == [*reversed(newer), *sorted(ids, reverse=True)]


async def test_runs_are_listed_by_definition_and_status(storage: Storage) -> None:
    """Filters narrow what is listed and nothing else; pages go on behind the last of them."""
    await add_runs(storage, 3)
    others = await add_runs(storage, 3, definition_id="other")
    async with storage.unit_of_work(TENANT) as work:
        for run_id in others[:2]:
            await work.runs.apply(replace(CLOSED, id=uuid4(), definition_id="other"))
            assert await work.runs.get(run_id) is not None
        queued = await work.runs.list(
            after=None, limit=10, definition_id="other", status=RunStatus.QUEUED
        )
        assert [run.id for run in queued] == list(reversed(others))
        rest = await work.runs.list(
            after=_time_and_id(queued[0]),
            limit=10,
            definition_id="other",
            status=RunStatus.QUEUED,
        )
        assert rest == queued[1:]
        assert len(await work.runs.list(after=None, limit=10, definition_id="other")) == 5
        assert len(await work.runs.list(after=None, limit=10, status=RunStatus.SUCCEEDED)) == 2


async def test_pages_of_steps_neither_lose_nor_repeat_one(storage: Storage) -> None:
    """In the order in which they began. Positions begin anew with a retry, whose steps follow."""
    first = [replace(STEP, path=f"a{n}", position=n, seq=n) for n in range(1, 8)]
    retried = [
        replace(STEP, path=f"b{n}", position=n, seq=n, epoch=1, output=n) for n in range(1, 6)
    ]
    repeated = replace(first[-1], epoch=1, position=6, seq=6)
    async with storage.unit_of_work(TENANT) as work:
        await work.steps.apply(NEW_RUN.id, [*retried, repeated])
        await work.steps.apply(NEW_RUN.id, list(reversed(first)))
        await work.steps.apply(uuid4(), first)

    async def read(after: tuple[int, int] | None) -> list[StepRow]:
        async with storage.unit_of_work(TENANT) as work:
            return await work.steps.list(NEW_RUN.id, after=after, limit=3)

    found = await pages(read, lambda step: (step.epoch, step.position))
    assert found == [*first[:-1], *retried, repeated]


async def test_pages_of_definitions_and_versions_neither_lose_nor_repeat_one(
    storage: Storage,
) -> None:
    """Definitions by id, versions from the newest down."""
    names = [f"d{number:02}" for number in range(11)]
    async with storage.unit_of_work(TENANT) as work:
        for name in names:
            await work.definitions.save_draft(name, name="N", draft="{}", draft_hash="h", by="me")
        for number in range(11):
            new = NewVersion(
                hash=str(number),
                document="{}",
                actions=[],
                engine=1,
                expression_engine="e",
                note=None,
            )
            await work.definitions.add_version("d00", new, by="me")
        definitions = work.definitions
        found = await pages(
            lambda after: definitions.list(after=after, limit=4), lambda row: row.id
        )
        versions = await pages(
            lambda after: definitions.versions("d00", after=after, limit=4),
            lambda row: row.version,
        )
    assert [row.id for row in found] == names
    assert [row.version for row in versions] == list(range(11, 0, -1))


async def test_keys_are_valid_until_they_are_revoked_once(storage: Storage) -> None:
    """A key's hash names its holder in any tenant; revoking says whether it changed something."""
    key_id = uuid4()
    async with storage.unit_of_work(TENANT) as work:
        await work.api_keys.add(key_id, name="laptop", role="author", key_hash="hash")
    holder = await storage.across.authenticate("hash")
    assert holder is not None
    assert (holder.tenant, holder.key_id, holder.role) == (TENANT, key_id, "author")
    assert await storage.across.authenticate("other") is None
    async with storage.unit_of_work(TENANT) as work:
        assert await work.api_keys.revoke(key_id)
        assert not await work.api_keys.revoke(key_id)
        assert not await work.api_keys.revoke(uuid4())
        revoked = await work.api_keys.list()
    assert revoked[0].revoked_at is not None
    assert await storage.across.authenticate("hash") is None

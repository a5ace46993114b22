"""Rows of advertised actions: who sees them, and who may write what."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.storage.across_tenants import NewAdvertisement
from alga_workflows_core.storage.advertised_actions import ALL_TENANTS, AdvertisedActionRow
from alga_workflows_core.storage.unit_of_work import Storage

OURS, THEIRS = "acme", "globex"
SPEC = ActionSpec(
    id="billing.charge",
    version=1,
    kind=ActionKind.READ,
    queue="billing",
    description="Charge.",
    input_schema={"type": "object"},
    output_schema={"type": "object"},
    secret_fields=("/token",),
)


def told(
    spec: ActionSpec = SPEC, *, tenant: str = ALL_TENANTS, hashed: str = "h1"
) -> NewAdvertisement:
    """An advertisement of a row that nobody has seen."""
    return NewAdvertisement(
        tenant=tenant,
        contract=spec.model_dump(mode="json", by_alias=True),
        contract_hash=hashed,
        former=None,
        served_by="1@host",
        build_id="b1",
        lease=timedelta(minutes=1),
    )


async def seen(storage: Storage, tenant: str) -> list[AdvertisedActionRow]:
    """All that a tenant may call."""
    async with storage.unit_of_work(tenant) as work:
        return await work.advertised.list()


async def test_a_contract_is_read_as_it_was_told(storage: Storage) -> None:
    """Every field of it, the worker, and a lease by the database's clock."""
    assert await storage.across.advertise(told(SPEC.model_copy(update={"timeout": 2.5})))
    (row,) = await seen(storage, OURS)
    assert (row.tenant, row.action_id, row.version) == ("*", "billing.charge", 1)
    assert (row.kind, row.queue, row.timeout, row.short) == ("read", "billing", 2.5, False)
    assert row.retry == SPEC.retry.model_dump(mode="json", by_alias=True)
    assert (row.input_schema, row.output_schema) == ({"type": "object"}, {"type": "object"})
    assert row.secret_fields == ["/token"]
    assert (row.served_by, row.build_id, row.contract_hash) == ("1@host", "b1", "h1")
    assert row.served
    lasts = row.served_until - datetime.now(UTC)
    assert timedelta(seconds=30) < lasts <= timedelta(minutes=1)


async def test_the_same_again_moves_who_serves_it(storage: Storage) -> None:
    """`seen_at` and the lease go on, `advertised_at` stays; a shorter lease takes none away."""
    await storage.across.advertise(told())
    (before,) = await seen(storage, OURS)
    again = replace(told(), former="h1", served_by="2@host", lease=timedelta(seconds=1))
    assert await storage.across.advertise(again)
    (after,) = await seen(storage, OURS)
    assert after.advertised_at == before.advertised_at
    assert after.seen_at > before.seen_at
    assert after.served_until == before.served_until
    assert after.served_by == "2@host"


async def test_a_row_that_was_changed_meanwhile_is_not_overwritten(storage: Storage) -> None:
    """Of two that have seen the same row one writes, and the other is told."""
    await storage.across.advertise(told())
    one = replace(told(hashed="h2"), former="h1")
    other = replace(told(hashed="h3"), former="h1")
    written = await asyncio.gather(storage.across.advertise(one), storage.across.advertise(other))
    assert sorted(written) == [False, True]
    assert not await storage.across.advertise(told(hashed="h4"))
    (row,) = await seen(storage, OURS)
    assert row.contract_hash in {"h2", "h3"}


async def test_a_lease_ends(storage: Storage) -> None:
    """Then nobody is known to serve the action; its row stays."""
    await storage.across.advertise(replace(told(), lease=timedelta(microseconds=1)))
    (row,) = await seen(storage, OURS)
    assert not row.served


async def test_a_tenants_own_comes_before_that_of_all(storage: Storage) -> None:
    """Others do not see it, and call the one that is there for all."""
    await storage.across.advertise(told())
    mine = SPEC.model_copy(update={"queue": "acme-billing"})
    await storage.across.advertise(told(mine, tenant=OURS))
    assert [row.queue for row in await seen(storage, OURS)] == ["acme-billing"]
    assert [row.queue for row in await seen(storage, THEIRS)] == ["billing"]
    async with storage.unit_of_work(THEIRS) as work:
        assert await work.advertised.get(OURS, SPEC.id, 1) is None
        shared = await work.advertised.get(ALL_TENANTS, SPEC.id, 1)
        assert shared is not None
        assert shared.queue == "billing"


async def test_names_that_are_near(storage: Storage) -> None:
    """Ids that begin with the same letter, of what the tenant may call."""
    await storage.across.advertise(told())
    await storage.across.advertise(told(SPEC.model_copy(update={"id": "bank.pay"}), tenant=THEIRS))
    async with storage.unit_of_work(OURS) as work:
        assert await work.advertised.ids_like(["bilng.charge"], limit=9) == ["billing.charge"]
        assert await work.advertised.ids_like(["zz"], limit=9) == []
        assert [row.action_id for row in await work.advertised.called([SPEC.id])] == [SPEC.id]


@pytest.mark.parametrize("owner", [OURS, ALL_TENANTS])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflow_actions SET queue = 'stolen'",
        "DELETE FROM workflow_actions",
        "INSERT INTO workflow_actions SELECT * FROM workflow_actions",
    ],
)
async def test_no_tenant_writes_rows_itself(storage: Storage, owner: str, statement: str) -> None:
    """Neither its own nor those of all: the function is the only way."""
    await storage.across.advertise(told(tenant=owner))
    async with storage.database.engine.begin() as connection:
        await connection.execute(text("SELECT set_config('alga.tenant', :t, true)"), {"t": OURS})
        await connection.execute(text("SET LOCAL ROLE alga_workflows"))
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(text(statement))

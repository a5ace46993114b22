"""A tenant sees its own rows and nobody else's."""

from __future__ import annotations

from uuid import uuid4

import pytest

from alga_temporal_domain.storage.tenants_across import tenants_page
from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import Suspend, Suspended
from alga_workflows_core.errors import ConflictError
from alga_workflows_core.infra.auth import hash_key
from tests.domain.tenants.world import World

QUEUE = "tenant-workflows"


async def test_rows_of_others_are_not_there(world: World) -> None:
    """Not read, not changed, not made: in no table of this family."""
    async with world.worker():
        await world.made("one")
        await world.made("two")
    tables = ("tenants", "tenant_users", "tenant_set_password_links", "tenant_ledger")
    async with world.storage.transaction("one") as connection:
        for table in tables:
            rows = await connection.exec_driver_sql(f"SELECT DISTINCT tenant FROM {table}")  # noqa: S608
            assert [row.tenant for row in rows] == ["one"]
        changed = await connection.exec_driver_sql("UPDATE tenant_users SET is_active = false")
        assert changed.rowcount == 1
    assert len(await world.active("two")) == 1
    with pytest.raises(Exception, match="row-level security"):
        async with world.storage.transaction("one") as connection:
            await connection.exec_driver_sql(
                "INSERT INTO tenant_seeds_applied VALUES ('two', 'p', 1, 'c')"
            )
    async with world.storage.transaction() as connection:
        rows = await connection.exec_driver_sql("SELECT * FROM tenants")
        assert list(rows) == []
    assert {row.tenant for row in await tenants_page(world.storage, None, 10)} == {"one", "two"}


async def test_states_are_kept_by_the_database(world: World) -> None:
    """A way that is none is refused, whoever asks."""
    async with world.worker():
        await world.made()
    for state in ("deleted", "creating", "deleting", "nonsense"):
        with pytest.raises(ConflictError, match="cannot go from active"):
            async with world.storage.unit_of_work("acme") as work:
                await work.tenants.move(state)


async def test_suspended_users_are_given_back_exactly(world: World) -> None:
    """Those who were inactive before stay so, also one who was deactivated meanwhile; the tenant's
    keys do nothing for that time. Asked for twice, it is done once."""
    async with world.worker():
        await world.made()
        inactive = await world.add_user("acme", active=False)
        there = {await world.add_user("acme"), *await world.active("acme")}
        meanwhile = await world.add_user("acme")
        async with world.storage.unit_of_work("acme") as work:
            await work.api_keys.add(uuid4(), name="k", role="admin", key_hash=hash_key("key"))
        given = Suspend(tenant_id="acme", suspension=uuid4(), requested_by="op")

        async def run(workflow: str) -> Suspended:
            return await world.client.execute_workflow(
                workflow,
                given,
                id=names.suspension_id("acme", given.suspension),
                task_queue=QUEUE,
                result_type=Suspended,
            )

        assert await run(names.SUSPENSION_WORKFLOW) == Suspended(state="suspended", users=3)
        assert (await run(names.SUSPENSION_WORKFLOW)).users == 0
        assert await world.active("acme") == set()
        assert await world.storage.authenticate(hash_key("key")) is None
        async with world.storage.unit_of_work("acme") as work:
            assert await work.tenants.users.activate(meanwhile, active=False)
        assert await run(names.RESUMPTION_WORKFLOW) == Suspended(state="active", users=2)
        assert (await run(names.RESUMPTION_WORKFLOW)).users == 0
        assert await world.storage.authenticate(hash_key("key")) is not None
    assert await world.active("acme") == there
    assert inactive not in there
    assert world.hooks.types == ["tenant.created", "tenant.suspended", "tenant.resumed"]

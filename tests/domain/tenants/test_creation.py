"""Tenants are made step by step, once."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError

from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import (
    CompensateCreation,
    CreationState,
    ResumeCreation,
    Welcome,
)
from alga_temporal_domain.tenants.passwords import PasswordDesk, is_password
from alga_temporal_domain.tenants.seeds import Seeding
from alga_workflows_core.errors import ConflictError, InputError
from tests.domain.tenants.world import Cutting, World, update, waits

SEED = """
INSERT INTO project_files (tenant, project_id, name, content) SELECT tenant, id, 'seed', '' FROM
projects WHERE false;
INSERT INTO projects (tenant, name, task_queue_name)
VALUES (current_setting('alga.tenant'), 'First', 'q-' || current_setting('alga.tenant'));
"""


async def test_a_tenant_is_made(world: World) -> None:
    """Rows, seeds, an admin who sets a password by a link of one use, hooks told; the histories
    have no token, no password and no message."""
    world.pack("start/1.sql", SEED)
    async with world.worker():
        state = CreationState.model_validate(await (await world.create()).result())
    assert (state.status, len(state.done)) == ("done", 6)
    assert await world.state("acme") == "active"
    assert world.hooks.types == ["tenant.created"]
    assert world.hooks.told[0].data["admins"] == ["ada@acme.example"]
    assert (await world.sql("SELECT name FROM alga_domain.projects")) == [("First",)]
    (message,) = world.post.messages
    assert message["To"] == "ada@acme.example"
    assert "https://app.example/set-password#token=" in world.post.text(0)
    token, desk = world.post.token(0), PasswordDesk(world.storage)
    await desk.set_password(token, "correct horse battery")
    with pytest.raises(InputError) as caught:
        await desk.set_password(token, "another horse battery")
    assert caught.value.error_code == "LINK_INVALID"
    ((kept,),) = await world.sql("SELECT password_hash FROM alga_domain.tenant_users")
    assert is_password("correct horse battery", kept)
    assert not is_password("wrong", kept)
    histories = await world.histories()
    for secret in (token, "token=", "Set your password", "correct horse", kept):
        assert secret not in histories


async def test_a_link_is_over_after_72_hours(world: World) -> None:
    """And what is kept of it is its hash."""
    async with world.worker():
        await world.made()
    token = world.post.token(0)
    assert token not in str(await world.sql("SELECT * FROM alga_domain.tenant_set_password_links"))
    ((left,),) = await world.sql(
        "SELECT extract(epoch FROM expires_at - created_at)::int / 3600"
        " FROM alga_domain.tenant_set_password_links"
    )
    assert left in (71, 72)
    await world.sql(
        "UPDATE alga_domain.tenant_set_password_links SET expires_at = clock_timestamp()"
    )
    with pytest.raises(InputError):
        await PasswordDesk(world.storage).set_password(token, "correct horse battery")


async def test_every_activity_runs_twice_and_counts_once(world: World) -> None:
    """A worker that goes after each activity, before it has reported it, leaves one of each."""
    world.pack("start/1.sql", SEED)
    cutting = Cutting()
    async with world.worker(interceptors=[cutting]):
        await world.made()
    assert set(cutting.cut) == {
        names.ADD_TENANT,
        names.APPLY_SEEDS,
        names.ADD_ADMIN,
        names.ACTIVATE_TENANT,
        names.TELL_HOOKS,
        names.SEND_WELCOME,
    }
    assert world.hooks.types == ["tenant.created"]
    assert len(world.post.messages) == 1
    for table in ("tenants", "tenant_users", "projects", "tenant_seeds_applied"):
        assert await world.count(table) == 1


async def test_a_double_click_makes_one_tenant(world: World) -> None:
    """Two replicas, one key: the second start finds the first."""
    handle = await world.create()
    with pytest.raises(WorkflowAlreadyStartedError):
        await world.create()
    other = await world.another_client()
    async with world.worker(), world.worker(client=other):
        await asyncio.gather(handle.result(), *(world.made(f"t{n}") for n in range(4)))
    assert await world.sql("SELECT count(*) FROM alga_domain.tenants") == [(5,)]
    assert sorted(world.hooks.types) == ["tenant.created"] * 5


async def test_a_step_that_fails_waits_for_an_operator(world: World) -> None:
    """What is there stays; the operator resumes once the cause is gone. Only what others need to
    hear can be left out."""
    world.pack("start/1.sql", "SELECT nonsense;")
    async with world.worker():
        handle = await world.create()
        state = await waits(handle, "waiting", CreationState)
        assert (state.step, state.done) == ("seeds", ("tenant",))
        assert "SEED_FAILED: Seed pack start 1" in state.error
        assert await world.state("acme") == "failed"
        with pytest.raises(WorkflowUpdateFailedError):
            await update(handle, names.RESUME_UPDATE, ResumeCreation(by="op", skip=True))
    world.pack("start/1.sql", SEED)
    world.hooks.refused.add("tenant.created")
    async with world.worker():
        await update(handle, names.RESUME_UPDATE, ResumeCreation(by="op"))
        state = await waits(handle, "waiting", CreationState)
        assert (state.step, await world.state("acme")) == ("hooks", "active")
        await update(handle, names.RESUME_UPDATE, ResumeCreation(by="op", skip=True))
        state = CreationState.model_validate(await handle.result())
    assert (state.status, state.skipped) == ("done", ("hooks",))
    assert len(world.post.messages) == 1


async def test_compensation_is_asked_for(world: World) -> None:
    """Nothing is undone but by an update that names the tenant; then nothing is left."""
    world.pack("start/1.sql", SEED)
    world.post.answer = "550 no such user"
    async with world.worker():
        handle = await world.create()
        state = await waits(handle, "waiting", CreationState)
        assert state.step == "welcome"
        assert "MAIL_REFUSED" in state.error
        wrong = CompensateCreation(by="op", confirm="other")
        with pytest.raises(WorkflowUpdateFailedError):
            await update(handle, names.COMPENSATE_UPDATE, wrong)
        assert await world.state("acme") == "active"
        confirmed = CompensateCreation(by="op", confirm="acme")
        await update(handle, names.COMPENSATE_UPDATE, confirmed)
        state = CreationState.model_validate(await handle.result())
    assert state.status == "compensated"
    assert world.hooks.types == ["tenant.created", "tenant.compensated"]
    assert await world.sql("SELECT state, name FROM alga_domain.tenants") == [("deleted", "")]
    for table in ("tenant_users", "tenant_set_password_links", "projects", "tenant_seeds_applied"):
        assert await world.count(table) == 0


async def test_a_cancelled_creation_leaves_what_there_is(world: World) -> None:
    """The row says that it has failed; the same key goes on later."""
    world.pack("start/1.sql", "SELECT nonsense;")
    async with world.worker():
        handle = await world.create()
        await waits(handle, "waiting", CreationState)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert await world.state("acme") == "failed"
    world.pack("start/1.sql", SEED)
    async with world.worker():
        await world.made()
    assert await world.state("acme") == "active"


async def test_a_changed_seed_is_refused(world: World) -> None:
    """What was applied is applied; the next version is another pack, written in Python here."""
    world.pack("start/1.sql", SEED)
    async with world.worker():
        await world.made()
    assert await Seeding(world.storage, world.packs()).apply("acme") == 0
    world.pack(
        "start/2.py", "async def apply(rows):\n    await rows.execute('SELECT 1; SELECT 2')\n"
    )
    both = await asyncio.gather(
        *(Seeding(world.storage, world.packs()).apply("acme") for _ in range(2))
    )
    assert sorted(both) == [0, 1]
    world.pack("start/1.sql", SEED + " ")
    with pytest.raises(ConflictError) as caught:
        await Seeding(world.storage, world.packs()).apply("acme")
    assert caught.value.error_code == "SEED_CHANGED"


async def test_a_welcome_again_locks_nobody_out(world: World) -> None:
    """Where the mail does not go out, the first link still holds."""
    async with world.worker():
        await world.made()
        first = world.post.token(0)
        given = Welcome(tenant_id="acme", key="again", requested_by="op")
        world.post.answer = "550 no"
        with pytest.raises(WorkflowFailureError):
            await world.welcome(given)
        world.post.answer = None
        sent = await world.welcome(given)
        assert sent.sent
        await PasswordDesk(world.storage).set_password(first, "correct horse battery")
    with pytest.raises(InputError):  # One is used, all are.
        await PasswordDesk(world.storage).set_password(world.post.token(1), "x" * 12)

"""Slots are held by one at a time, by the server's clock."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import pytest

from alga_temporal_domain.projects.supervision.leases import Grant, Leases
from alga_temporal_domain.projects.supervision.settings import SupervisionSettings
from alga_temporal_domain.storage.fenced import LeaseLostError, fenced
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import Versions
from tests.domain.supervision.world import TENANT, activate, bundle, project, wish

SHORT = SupervisionSettings(ttl=1.0, tick=0.2, margin=0.3)
LONG = SupervisionSettings()


async def versions(storage: DomainStorage, project_id: UUID) -> dict[str, str]:
    """State by hash."""
    async with storage.transaction(TENANT) as connection:
        rows = await Versions(connection, TENANT).of_project(project_id)
    return {row.hash: row.state for row in rows}


async def until_claimed(leases: Leases) -> list[Grant]:
    """What it gets as soon as it gets anything."""
    deadline = time.monotonic() + 10
    while not (got := await leases.claim()):
        assert time.monotonic() < deadline, "nothing could be claimed"
    return got


async def test_one_holds_a_slot(domain_storage: DomainStorage) -> None:
    """The other gets it when it is released, with the next epoch."""
    project_id = await project(domain_storage, bundle())
    a, b = (Leases(domain_storage, LONG, holder=name) for name in "ab")
    (grant,) = await a.claim()
    assert (grant.tenant, grant.key.project_id, grant.epoch) == (TENANT, project_id, 1)
    assert (grant.wish.state, grant.wish.is_told) == ("CURRENT", False)
    assert await b.claim() == []
    await a.release([grant], is_leaving=True)
    (taken,) = await until_claimed(b)
    assert taken.epoch == 2
    assert await a.renew([grant]) == []


async def test_a_lease_ends_by_itself(domain_storage: DomainStorage) -> None:
    """Whoever has not renewed it changes nothing any more, and cannot renew it either."""
    await project(domain_storage, bundle())
    a, b = (Leases(domain_storage, SHORT, holder=name) for name in "ab")
    (grant,) = await a.claim()
    (renewed,) = await a.renew([grant])
    assert renewed.deadline > grant.deadline
    (taken,) = await until_claimed(b)
    assert (taken.key, taken.epoch) == (grant.key, 2)
    assert time.monotonic() > renewed.deadline
    assert await a.renew([renewed]) == []
    with pytest.raises(LeaseLostError):
        async with fenced(
            domain_storage,
            grant.key,
            tenant=TENANT,
            holder="a",
            epoch=grant.epoch,
            patience=timedelta(seconds=1),
        ):
            pytest.fail("it was let in")


async def test_what_is_not_wanted_is_told(domain_storage: DomainStorage) -> None:
    """A stopped project, a slot too many; and a restart is another generation."""
    project_id = await project(domain_storage, bundle(), slots=2)
    leases = Leases(domain_storage, LONG, holder="a")
    grants = await leases.claim()
    assert [grant.key.number for grant in grants] == [0, 1]
    async with domain_storage.unit_of_work(TENANT) as work:
        await work.projects.size(project_id, slots=1, most_slots=1, idle_seconds=None)
        await work.projects.wish(project_id, "RUNNING", restart=True)
    grants = await leases.renew(grants)
    assert {grant.key.number: grant.wish.generation for grant in grants} == {0: 1, 1: None}
    await wish(domain_storage, project_id, "STOPPED")
    assert [grant.wish.generation for grant in await leases.renew(grants)] == [None, None]


async def test_no_more_projects_than_it_may_have(domain_storage: DomainStorage) -> None:
    """But another version of one that it has, always."""
    projects = [await project(domain_storage, bundle()) for _ in range(3)]
    leases = Leases(
        domain_storage, LONG.model_copy(update={"most_projects": 2, "tick": 0.0}), holder="a"
    )
    await leases.renew([])
    got = await leases.claim()
    held = {grant.key.project_id for grant in got}
    assert len(held) == 2
    assert await leases.claim() == []
    mine = next(iter(held))
    await activate(domain_storage, mine, bundle("x = 2"))
    await leases.renew(got)
    (more,) = await leases.claim()
    assert more.key.project_id == mine
    assert held < set(projects)


async def test_projects_are_shared(domain_storage: DomainStorage) -> None:
    """Of two that are there, neither takes all at once; what one leaves the other gets."""
    for _ in range(12):
        await project(domain_storage, bundle())
    a, b = (Leases(domain_storage, LONG, holder=name) for name in "ab")
    await a.renew([])
    await b.renew([])
    of_a, of_b = await a.claim(), await b.claim()
    assert len(of_a) + len(of_b) == 12
    assert of_a
    assert of_b


async def test_versions_follow_activations(domain_storage: DomainStorage) -> None:
    """A ramp beside the current one, a new current one, and back."""
    one, two, three = (bundle(f"x = {number}") for number in range(3))
    project_id = await project(domain_storage, one)
    assert await versions(domain_storage, project_id) == {one.hash: "CURRENT"}
    await activate(domain_storage, project_id, two, ramp_percent=10)
    assert await versions(domain_storage, project_id) == {one.hash: "CURRENT", two.hash: "RAMPING"}
    await activate(domain_storage, project_id, three)
    assert await versions(domain_storage, project_id) == {
        one.hash: "DRAINING",
        two.hash: "DRAINING",
        three.hash: "CURRENT",
    }
    await activate(domain_storage, project_id, one)
    assert await versions(domain_storage, project_id) == {
        one.hash: "CURRENT",
        two.hash: "DRAINING",
        three.hash: "DRAINING",
    }
    grants = await Leases(domain_storage, LONG, holder="a").claim()
    assert {grant.key.hash for grant in grants} == {one.hash, two.hash, three.hash}

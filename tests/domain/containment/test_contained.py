"""Hostile bundles are refused, or contained so that other projects notice nothing.

All attacks run under one supervisor, many at a time, while a neighbour is used without a pause.
`REFUSED` goes through publishing. `CONTAINED` is put into the rows past publishing, as the second
wall has to hold when the first one is missed: the gates would refuse most of it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from alga_temporal_domain.projects.findings import Finding
from alga_temporal_domain.projects.publishing import Activation
from alga_temporal_domain.storage.projects import ProjectRow
from alga_temporal_domain.storage.versions import Versions
from alga_temporal_domain.storage.worker_logs import MOST_LINES
from alga_workflows_core.errors import ConflictError, FindingsError
from tests.domain.containment.attacks import CONTAINED, REFUSED
from tests.domain.containment.running import (
    Outcome,
    all_of,
    attacker,
    containment,
    refusal,
    stopped,
)
from tests.domain.containment.world import (
    Neighbour,
    World,
    children_of,
    eventually,
    good,
    resident_mib,
)
from tests.domain.supervision.world import TENANT, activate, project, wish

T = TypeVar("T")

MOST_GROWTH_MIB = 200
SHARED = (Path(tempfile.gettempdir()), Path("/dev/shm"))  # noqa: S108 - looked at, not written


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterwards:
    """What is there when all attacks are over."""

    refused: dict[str, tuple[list[Finding], int] | BaseException]
    contained: dict[str, Outcome | BaseException]
    projects: dict[str, UUID]
    """Those of `contained`."""
    neighbour: Neighbour
    rows: tuple[dict[str, Any], dict[str, Any]]
    """The neighbour's, before and after."""
    forkserver: tuple[int | None, int | None]
    grown_mib: float
    processes: set[int]
    """Children of the forkserver."""
    files: list[Path]


@pytest_asyncio.fixture(scope="module")
async def afterwards(world: World, neighbour: Neighbour) -> AsyncGenerator[Afterwards]:
    """All attacks, once."""
    mark = uuid4().hex
    rows, forkserver, memory = (
        await world.rows(neighbour.id),
        world.launcher.forkserver_pid,
        resident_mib(),
    )
    projects = {name: await attacker(world, attack, mark) for name, attack in CONTAINED.items()}
    async with neighbour.used(world):
        refused, contained = await asyncio.gather(
            all_of(REFUSED, lambda _name, attack: refusal(world, attack)),
            all_of(CONTAINED, lambda name, attack: containment(world, projects[name], attack)),
        )
        await stopped(world, projects)
    yield Afterwards(
        refused=refused,
        contained=contained,
        projects=projects,
        neighbour=neighbour,
        rows=(rows, await world.rows(neighbour.id)),
        forkserver=(forkserver, world.launcher.forkserver_pid),
        grown_mib=resident_mib() - memory,
        processes=children_of(world.launcher.forkserver_pid or 0),
        files=[found for place in SHARED for found in place.glob(f"*{mark}*")],
    )


def _came(of: T | BaseException) -> T:
    if isinstance(of, BaseException):
        raise of
    return of


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_is_refused(afterwards: Afterwards, name: str) -> None:
    """Publishing says by which rule, and keeps nothing."""
    findings, kept = _came(afterwards.refused[name])
    assert REFUSED[name].rule in {finding.rule for finding in findings}, findings
    assert kept == 0


@pytest.mark.parametrize("name", sorted(CONTAINED))
def test_it_is_contained(afterwards: Afterwards, name: str) -> None:
    """Its process ends as the row says, with the reason in the database, or goes on working."""
    attack, outcome = CONTAINED[name], _came(afterwards.contained[name])
    if attack.ends is None:
        assert outcome.lives == "the attacker's"
        assert attack.told in outcome.told, outcome.told
        return
    assert outcome.ended is not None
    assert outcome.ended.exit_kind == attack.ends, outcome.ended
    assert attack.reason in (outcome.ended.reason or ""), outcome.ended
    assert outcome.is_quarantined or attack.is_run


def test_the_neighbour_notices_nothing(afterwards: Afterwards) -> None:
    """Each of its calls has its own answer, in time, and none of its rows is another."""
    assert afterwards.neighbour.wrong == []
    assert len(afterwards.neighbour.seconds) > 20
    assert statistics.median(afterwards.neighbour.seconds) < 2
    assert max(afterwards.neighbour.seconds) < 10
    before, after = afterwards.rows
    assert after == before


async def test_nothing_is_left(world: World, afterwards: Afterwards) -> None:
    """Neither a process nor a file; the supervisor's programs are the same, and no larger."""
    (row,) = [one for one in await world.instances(afterwards.neighbour.id) if one.pid]
    assert afterwards.processes == {row.pid}
    assert afterwards.files == []
    assert afterwards.forkserver[0] == afterwards.forkserver[1]
    assert afterwards.grown_mib < MOST_GROWTH_MIB


async def test_log_lines_are_bounded(world: World, afterwards: Afterwards) -> None:
    """Of output without end the database has the newest lines, and whose they are."""
    project_id = afterwards.projects["activity: output without end"]
    rows = await world.rows(project_id, "worker_logs")
    assert 0 < len(rows["worker_logs"]) <= MOST_LINES


async def test_projects_with_the_same_names(world: World, neighbour: Neighbour) -> None:
    """Modules, workflow and activity are called alike; each project gets its own code's answers."""
    others = {f"of {n}": await project(world.storage, good(f"of {n}")) for n in range(2)}
    for project_id in others.values():
        await world.ready(project_id)
    for _ in range(5):
        answers = await asyncio.gather(
            *(world.call(project_id, "Calling", "whose") for project_id in others.values()),
            world.call(neighbour.id, "Calling", "whose"),
        )
        assert answers == [*others, "mine"]
    for project_id in others.values():
        await wish(world.storage, project_id, "STOPPED")


async def test_a_queue_is_one_projects(world: World, neighbour: Neighbour) -> None:
    """Whoever wishes for the queue of another does not get it."""
    async with world.storage.unit_of_work(TENANT) as work:
        own = await work.projects.get(neighbour.id)
    assert isinstance(own, ProjectRow)
    with pytest.raises(ConflictError):
        async with world.storage.unit_of_work(TENANT) as work:
            await work.projects.add(
                uuid4(), name="thief", description=None, actor="a", queue=own.task_queue_name
            )


TAMPERED = {
    "code": {"evil.py": good("tampered").files["evil.py"]},
    "no code": {"../evil.py": "x = 1"},
}


@pytest.mark.parametrize("name", sorted(TAMPERED))
async def test_a_tampered_row_is_never_loaded(world: World, name: str) -> None:
    """Its text does not have its hash: no process gets it, and it cannot be activated anew."""
    original, other = good(f"original {name}"), good(f"other {name}")
    project_id = await project(world.storage, original, other, is_running=False)
    await world.change(
        "UPDATE alga_domain.code_bundles SET files = %s::json WHERE project_id = %s AND hash = %s",
        json.dumps(TAMPERED[name]), project_id, original.hash,
    )  # fmt: skip
    wish_again = Activation(hash=original.hash, actor="a")
    with pytest.raises(FindingsError) as refused:
        await world.publishing.activate(TENANT, project_id, wish_again)
    assert [one["rule"] for one in refused.value.details["findings"]] == ["HASH_MISMATCH"]
    # Past publishing as well.
    await activate(world.storage, project_id, original, mode="AUTO_UPGRADE")
    await wish(world.storage, project_id, "RUNNING")

    async def is_quarantined() -> bool:
        async with world.storage.transaction(TENANT) as connection:
            rows = await Versions(connection, TENANT).of_project(project_id)
        (version,) = [row for row in rows if row.hash == original.hash]
        return version.quarantined_at is not None and "not what was" in (version.reason or "")

    await eventually(is_quarantined, "the tampered version is quarantined")
    rows = [row for row in await world.instances(project_id) if row.hash == original.hash]
    assert [(row.pid, row.ready_at, row.exit_kind) for row in rows] == [(None, None, "bad_bundle")]
    await wish(world.storage, project_id, "STOPPED")

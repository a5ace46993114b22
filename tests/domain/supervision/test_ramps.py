"""A share of new executions on new code, as Temporal deals it out."""

from __future__ import annotations

import asyncio
from uuid import UUID

from temporalio.api.deployment.v1 import RoutingConfig
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import WorkflowHandle

from alga_temporal_domain.projects.names import build_id, deployment_name
from tests.domain.supervision.conftest import Place
from tests.domain.supervision.waiting import code, eventually, known, live, versions
from tests.domain.supervision.world import activate, project

RUNS = 30


async def begin(place: Place, project_id: UUID, count: int) -> list[WorkflowHandle[object, str]]:
    """So many executions, each with its first task done: it is on a version from then on."""
    runs = await asyncio.gather(*(place.start(project_id) for _ in range(count)))
    await asyncio.gather(*(run.query("__stack_trace") for run in runs))
    return runs


async def ends(place: Place, runs: list[WorkflowHandle[object, str]]) -> list[str]:
    """The versions that they end on."""
    return await asyncio.gather(*(place.let(run) for run in runs))


async def routing(place: Place, project_id: UUID) -> RoutingConfig:
    """What Temporal says of new executions."""
    answer = await place.client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(
            namespace=place.client.namespace, deployment_name=deployment_name(project_id)
        )
    )
    return answer.worker_deployment_info.routing_config


async def test_a_ramp_takes_a_share_and_then_all(place: Place) -> None:
    """A third, more of it, all; what began on the former code ends on it."""
    one, two = code("one"), code("two")
    project_id = await project(place.storage, one)
    await activate(place.storage, project_id, two, ramp_percent=33)
    await known(place, project_id)
    begun = await begin(place, project_id, RUNS)
    of_two = (await ends(place, begun[1:])).count("two")
    # 3 in 10,000 are outside by chance; Temporal deals by the execution's id.
    assert 1 <= of_two <= RUNS * 2 / 3
    await activate(place.storage, project_id, two, ramp_percent=80)
    await known(place, project_id)
    routed = await routing(place, project_id)
    assert routed.ramping_version_percentage == 80
    assert routed.ramping_deployment_version.build_id == build_id(two.hash)
    old = await begin(place, project_id, 8)
    await activate(place.storage, project_id, two)
    await known(place, project_id)
    routed = await routing(place, project_id)
    assert routed.current_deployment_version.build_id == build_id(two.hash)
    assert not routed.ramping_deployment_version.build_id
    assert await ends(place, await begin(place, project_id, 8)) == ["two"] * 8
    assert set(await ends(place, [begun[0], *old])) <= {"one", "two"}


async def test_a_ramp_is_taken_back(place: Place) -> None:
    """By an activation of the current code: none begins on the other any more, what has begun on
    it ends on it, and then it is drained and its process gone."""
    one, two = code("one"), code("two")
    project_id = await project(place.storage, one)
    await activate(place.storage, project_id, two, ramp_percent=99)
    await known(place, project_id)
    begun = await begin(place, project_id, 6)
    await activate(place.storage, project_id, one)
    await known(place, project_id)
    routed = await routing(place, project_id)
    assert routed.current_deployment_version.build_id == build_id(one.hash)
    assert not routed.ramping_deployment_version.build_id
    assert routed.ramping_version_percentage == 0
    assert await ends(place, await begin(place, project_id, 6)) == ["one"] * 6
    assert (await versions(place.storage, project_id))[two.hash].state == "DRAINING"
    assert "two" in await ends(place, begun)

    async def is_alone() -> bool:
        rows = await versions(place.storage, project_id)
        return rows[two.hash].state == "DRAINED" and await live(place, project_id) == 1

    await eventually(is_alone)

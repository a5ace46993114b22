"""A share of new executions on new code, as Temporal deals it out."""

from __future__ import annotations

import asyncio
from uuid import UUID

from temporalio.api.deployment.v1 import RoutingConfig
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import WorkflowHandle

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.names import build_id, deployment_name
from tests.domain.supervision.conftest import Place
from tests.domain.supervision.waiting import code, eventually, known, live, versions
from tests.domain.supervision.world import activate, project

RUNS = 30
TEXTS = ("one", "two")


async def begin(
    place: Place, project_id: UUID, name: str, count: int
) -> list[WorkflowHandle[object, str]]:
    """So many executions, each with its first task done: it is on a version from then on.

    `name`: of no others in the namespace. Temporal deals by ids, always in the same way.
    """
    ids = [f"{name}-{number}" for number in range(count)]
    runs = await asyncio.gather(*(place.start(project_id, workflow_id=one) for one in ids))
    await asyncio.gather(*(run.query("__stack_trace") for run in runs))
    return runs


async def on(runs: list[WorkflowHandle[object, str]], *bundles: Bundle) -> list[str]:
    """The text that is to come of them by the code that they are on now."""
    texts = {build_id(one.hash): text for one, text in zip(bundles, TEXTS, strict=True)}
    told = await asyncio.gather(*(run.describe() for run in runs))
    return [texts[one.raw_info.versioning_info.deployment_version.build_id] for one in told]


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
    one, two = (code(text) for text in TEXTS)
    project_id = await project(place.storage, one)
    await activate(place.storage, project_id, two, ramp_percent=33)
    await known(place, project_id)
    begun = await begin(place, project_id, "ramp", RUNS)
    begun_on = await on(begun, one, two)
    assert 1 <= begun_on.count("two") <= RUNS / 2
    await activate(place.storage, project_id, two, ramp_percent=80)
    await known(place, project_id)
    routed = await routing(place, project_id)
    assert routed.ramping_version_percentage == 80
    assert routed.ramping_deployment_version.build_id == build_id(two.hash)
    begun += await begin(place, project_id, "more", 10)
    begun_on = await on(begun, one, two)
    assert begun_on[RUNS:].count("two") > 5
    await activate(place.storage, project_id, two)
    await known(place, project_id)
    routed = await routing(place, project_id)
    assert routed.current_deployment_version.build_id == build_id(two.hash)
    assert not routed.ramping_deployment_version.build_id
    assert await ends(place, await begin(place, project_id, "all", 8)) == ["two"] * 8
    assert await ends(place, begun) == begun_on


async def test_a_ramp_is_taken_back(place: Place) -> None:
    """By an activation of the current code: none begins on the other any more, what has begun on
    it ends on it, and then it is drained and its process gone."""
    one, two = (code(text) for text in TEXTS)
    project_id = await project(place.storage, one)
    await activate(place.storage, project_id, two, ramp_percent=99)
    await known(place, project_id)
    begun = await begin(place, project_id, "back", 6)
    begun_on = await on(begun, one, two)
    assert "two" in begun_on
    await activate(place.storage, project_id, one)
    await known(place, project_id)
    routed = await routing(place, project_id)
    assert routed.current_deployment_version.build_id == build_id(one.hash)
    assert not routed.ramping_deployment_version.build_id
    assert routed.ramping_version_percentage == 0
    assert await ends(place, await begin(place, project_id, "none", 6)) == ["one"] * 6
    assert (await versions(place.storage, project_id))[two.hash].state == "DRAINING"
    assert await ends(place, begun) == begun_on

    async def is_alone() -> bool:
        rows = await versions(place.storage, project_id)
        return rows[two.hash].state == "DRAINED" and await live(place, project_id) == 1

    await eventually(is_alone)

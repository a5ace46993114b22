"""Versions that nothing runs on any more, until Temporal has forgotten them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID

import pytest_asyncio
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client

from alga_temporal_domain.projects.names import build_id, deployment_name
from alga_workflows_core.infra.devstack import temporal_cli
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
)
from alga_workflows_core.infra.metrics import TemporalTelemetry
from tests.domain.process.conftest import namespace_of_projects
from tests.domain.supervision.conftest import Place
from tests.domain.supervision.waiting import code, eventually, known, live, versions
from tests.domain.supervision.world import activate, project

# What takes Temporal three to five minutes elsewhere: to forget a poller, to look at what drains.
QUICKLY = (
    'matching.PollerHistoryTTL="1s"',
    'matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
    'matching.wv.VersionDrainageStatusRefreshInterval="1s"',
)


@pytest_asyncio.fixture(scope="module")
async def forgetful(server_folder: Path) -> AsyncGenerator[TemporalServer]:
    """A Temporal that is quick to forget."""
    server = await TemporalServer.start(
        await temporal_cli.find(print),
        TemporalServerOptions(settings=QUICKLY),
        log_file=server_folder / "forgetful.log",
    )
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def projects_client(
    forgetful: TemporalServer, temporal_telemetry: TemporalTelemetry
) -> Client:
    """A client of it, for `place`."""
    return await namespace_of_projects(forgetful, temporal_telemetry)


async def in_temporal(place: Place, project_id: UUID) -> set[str]:
    """The versions that Temporal knows, by their build ids."""
    answer = await place.client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(
            namespace=place.client.namespace, deployment_name=deployment_name(project_id)
        )
    )
    summaries = answer.worker_deployment_info.version_summaries
    return {one.deployment_version.build_id for one in summaries}


async def test_a_drained_version_is_deleted_and_comes_back(place: Place) -> None:
    """Once its last execution has ended: process first, then in Temporal. It can be activated
    again as if it had never been there."""
    one, two = code("one"), code("two")
    project_id = await project(place.storage, one)
    await known(place, project_id)
    run = await place.start(project_id)
    await run.query("__stack_trace")
    await activate(place.storage, project_id, two)
    await known(place, project_id)
    assert await in_temporal(place, project_id) == {build_id(one.hash), build_id(two.hash)}
    assert await place.let(run) == "one"

    async def is_deleted() -> bool:
        return (await versions(place.storage, project_id))[one.hash].deleted_at is not None

    await eventually(is_deleted)
    assert (await versions(place.storage, project_id))[one.hash].state == "DRAINED"
    assert await live(place, project_id) == 1
    assert await in_temporal(place, project_id) == {build_id(two.hash)}
    await activate(place.storage, project_id, one)
    await known(place, project_id)
    assert (await versions(place.storage, project_id))[one.hash].deleted_at is None
    assert await place.let(await place.start(project_id)) == "one"

"""Versions of a project's code in Temporal: which one new executions begin on, what runs on each.

The rows say what was activated; Temporal is brought to it. Whoever reads the rows does so after it
has seen Temporal's state, and changes Temporal only if that is still its state: so an older
activation, told late, never comes after a newer one.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from temporalio.api.deployment.v1 import RoutingConfig, WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeleteWorkerDeploymentVersionRequest,
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.projects.names import build_id, deployment_name
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import VersionRow, Versions
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.temporal import AWAY

_RETRY_SECONDS = 0.05
_PATIENCE_SECONDS = 30.0
_CALL = timedelta(seconds=5)
_QUEUE_KINDS = (
    TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
)
# Not registered yet, changed by somebody else meanwhile, or away for a moment: look again.
_LOOK_AGAIN = AWAY | {
    RPCStatusCode.NOT_FOUND,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.ABORTED,
    RPCStatusCode.INTERNAL,
}


class TemporalVersions:
    """The worker deployments of projects, in one namespace."""

    def __init__(self, client: Client, storage: DomainStorage, *, identity: str) -> None:
        self._client = client
        self._storage = storage
        self._identity = identity

    async def tell(self, tenant: str, project_id: UUID) -> int | None:
        """Have new executions begin on what was activated last; the number of that activation.

        Waits until Temporal knows the version, which it does once a process of it has asked for
        work. UnavailableError if that takes too long. None: nothing was activated.
        """
        last = "no process of the version has asked for work"
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    try:
                        return await self._tell_once(tenant, project_id)
                    except RPCError as error:
                        if error.status not in _LOOK_AGAIN:
                            raise self._unavailable(str(error)) from error
                        last = str(error)
                    await asyncio.sleep(_RETRY_SECONDS)
        except TimeoutError as error:
            raise self._unavailable(last) from error

    async def open_executions(self, project_id: UUID, bundle_hash: str) -> int:
        """How many executions are open that go on with this version.

        By visibility, which says so within a second; Temporal's own word on drainage takes
        minutes. An execution that no task has been done for yet is on no version.
        """
        version = f"{deployment_name(project_id)}:{build_id(bundle_hash)}"
        try:
            found = await self._client.count_workflows(
                f"ExecutionStatus = 'Running' AND TemporalWorkerDeploymentVersion = '{version}'",
                rpc_timeout=_CALL,
            )
        except RPCError as error:
            raise self._unavailable(str(error)) from error
        return found.count

    async def backlog(
        self, project_id: UUID, queue: str, hashes: list[str]
    ) -> tuple[int, timedelta]:
        """Tasks that wait on the project's queue or for one of these versions, the most of what
        is told of each, and for how long the oldest has."""
        most, oldest = await self.queue_backlog(queue)
        for bundle_hash in hashes:
            count, age = await self.version_backlog(project_id, bundle_hash)
            most, oldest = max(most, count), max(oldest, age)
        return most, oldest

    async def queue_backlog(self, queue: str) -> tuple[int, timedelta]:
        """Tasks that wait on a queue for its current version, and for how long the oldest has.

        Those are told of the queue alone: of a version, what waits since it is no more current.
        """
        waiting, oldest = 0, timedelta()
        try:
            for kind in _QUEUE_KINDS:
                stats = (await self._queue(queue, kind)).stats
                waiting += stats.approximate_backlog_count
                oldest = max(oldest, stats.approximate_backlog_age.ToTimedelta())
        except RPCError as error:
            raise self._unavailable(str(error)) from error
        return waiting, oldest

    async def version_backlog(self, project_id: UUID, bundle_hash: str) -> tuple[int, timedelta]:
        """Tasks that wait for this version and no other, and for how long the oldest has; none of
        one that Temporal does not know. See `queue_backlog` for the current one."""
        try:
            found = await self._client.workflow_service.describe_worker_deployment_version(
                DescribeWorkerDeploymentVersionRequest(
                    namespace=self._client.namespace,
                    deployment_version=_version(project_id, bundle_hash),
                    report_task_queue_stats=True,
                ),
                timeout=_CALL,
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return 0, timedelta()
            raise self._unavailable(str(error)) from error
        stats = [queue.stats for queue in found.version_task_queues]
        return (
            sum(one.approximate_backlog_count for one in stats),
            max((one.approximate_backlog_age.ToTimedelta() for one in stats), default=timedelta()),
        )

    async def delete(self, project_id: UUID, bundle_hash: str) -> bool:
        """Have Temporal forget a version; whether it has. It does so minutes after the last
        execution, and the last process, have ended."""
        try:
            await self._client.workflow_service.delete_worker_deployment_version(
                DeleteWorkerDeploymentVersionRequest(
                    namespace=self._client.namespace,
                    deployment_version=_version(project_id, bundle_hash),
                    identity=self._identity,
                ),
                timeout=_CALL,
            )
        except RPCError as error:
            if error.status is RPCStatusCode.FAILED_PRECONDITION:
                return False
            if error.status is RPCStatusCode.NOT_FOUND:
                return True
            raise self._unavailable(str(error)) from error
        return True

    async def answers(self) -> bool:
        """Whether Temporal can be reached."""
        try:
            return await self._client.service_client.check_health(timeout=_CALL)
        except (RPCError, RuntimeError):
            return False

    async def _tell_once(self, tenant: str, project_id: UUID) -> int | None:
        while True:
            seq = await self._bring(tenant, project_id)
            # Whoever told of a newer activation may have found Temporal as it should be just
            # before our change, and changed nothing: an activation that went back, say.
            if seq is None or seq == _newest(await self._rows(tenant, project_id)):
                break
        if seq is not None:
            async with self._storage.transaction(tenant) as connection:
                await Versions(connection, tenant).told(project_id, seq)
        return seq

    async def _bring(self, tenant: str, project_id: UUID) -> int | None:
        """Bring Temporal to what the rows say; the number of the activation that made them so."""
        name = deployment_name(project_id)
        # First what is, then what should be: see the top.
        found = await self._client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=self._client.namespace, deployment_name=name),
            timeout=_CALL,
        )
        rows = await self._rows(tenant, project_id)
        current = next((row for row in rows if row.state == "CURRENT"), None)
        ramping = next((row for row in rows if row.state == "RAMPING"), None)
        if current is None:
            return None
        token = await self._set_current(
            name, found.worker_deployment_info.routing_config, current, found.conflict_token
        )
        await self._set_ramping(
            name, found.worker_deployment_info.routing_config, current, ramping, token
        )
        return _newest(rows)

    async def _rows(self, tenant: str, project_id: UUID) -> list[VersionRow]:
        async with self._storage.transaction(tenant) as connection:
            return await Versions(connection, tenant).of_project(project_id)

    async def _set_current(
        self, name: str, routing: RoutingConfig, current: VersionRow, token: bytes
    ) -> bytes:
        build = build_id(current.hash)
        if routing.current_deployment_version.build_id == build:
            return token
        done = await self._client.workflow_service.set_worker_deployment_current_version(
            SetWorkerDeploymentCurrentVersionRequest(
                namespace=self._client.namespace,
                deployment_name=name,
                build_id=build,
                conflict_token=token,
                identity=self._identity,
                ignore_missing_task_queues=True,
            ),
            timeout=_CALL,
        )
        return done.conflict_token

    async def _set_ramping(
        self,
        name: str,
        routing: RoutingConfig,
        current: VersionRow,
        ramping: VersionRow | None,
        token: bytes,
    ) -> None:
        build = "" if ramping is None else build_id(ramping.hash)
        percent = 0 if ramping is None else ramping.ramp_percent
        before = routing.ramping_deployment_version.build_id
        if before == build_id(current.hash):
            before = ""  # what becomes current ramps no more
        if before == build and (not build or routing.ramping_version_percentage == percent):
            return
        await self._client.workflow_service.set_worker_deployment_ramping_version(
            SetWorkerDeploymentRampingVersionRequest(
                namespace=self._client.namespace,
                deployment_name=name,
                build_id=build,
                percentage=percent,
                conflict_token=token,
                identity=self._identity,
                ignore_missing_task_queues=True,
            ),
            timeout=_CALL,
        )

    async def _queue(self, queue: str, kind: TaskQueueType.ValueType):
        return await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=kind,
                report_stats=True,
            ),
            timeout=_CALL,
        )

    def _unavailable(self, reason: str) -> UnavailableError:
        return UnavailableError(
            "Temporal",
            self._client.service_client.config.target_host,
            reason.rstrip("."),
            remedy="It is tried again; see why in Temporal's log if it stays so.",
        )


def _version(project_id: UUID, bundle_hash: str) -> WorkerDeploymentVersion:
    return WorkerDeploymentVersion(
        deployment_name=deployment_name(project_id), build_id=build_id(bundle_hash)
    )


def _newest(rows: list[VersionRow]) -> int | None:
    """The activation that what new executions begin on comes from."""
    return max((row.seq for row in rows if row.state in {"CURRENT", "RAMPING"}), default=None)

"""Whether the server can do what the domain's workflows ask of it."""

from __future__ import annotations

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError

from alga_workflows_core.errors import ConflictError, UnavailableError
from alga_workflows_core.infra.temporal import REMEDY


async def check_capabilities(client: Client, *, encrypted: bool) -> None:
    """Return if it can; ConflictError names all that it cannot. UnavailableError when it does not
    answer.

    An older server drops what it does not know without a word, so calls would seem to succeed.
    """
    service = client.workflow_service
    try:
        system = (await service.get_system_info(GetSystemInfoRequest())).capabilities
        described = await service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
    except RPCError as error:
        address = client.service_client.config.target_host
        raise UnavailableError("Temporal", address, error.message, remedy=REMEDY) from error
    namespace = described.namespace_info.capabilities
    needed = {
        "schedules": system.supports_schedules,
        "updates": namespace.sync_update and namespace.async_update,
        "encoded failure attributes": system.encoded_failure_attributes or not encrypted,
    }
    missing = [name for name, is_there in needed.items() if not is_there]
    if missing:
        raise ConflictError(
            f"Temporal's namespace {client.namespace} has no {', no '.join(missing)}.",
            code="SERVER_CAPABILITIES",
            remedy="Use a newer server, or have them turned on there.",
        )

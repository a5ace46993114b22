"""A connection to Temporal."""

from __future__ import annotations

import asyncio

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.settings import TemporalSettings

AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,  # as the SDK calls a call that took longer than its time-out
        RPCStatusCode.RESOURCE_EXHAUSTED,
    }
)
"""Temporal is away or busy: that says nothing about what was asked."""

REMEDY = "Check TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, and that the server runs."


async def connect(settings: TemporalSettings, *, runtime: Runtime, timeout: float = 5.0) -> Client:  # noqa: ASYNC109
    """A client whose server answered and knows the namespace; UnavailableError otherwise.

    TLS and API key come from the SDK's own environment (`TEMPORAL_TLS…`, `TEMPORAL_API_KEY`).
    """
    try:
        async with asyncio.timeout(timeout):
            client = await _client(settings, runtime, lazy=False)
            await describe_namespace(client)
    except TimeoutError as error:
        raise UnavailableError(
            "Temporal", settings.address, f"no answer within {timeout:g} s", remedy=REMEDY
        ) from error
    except (RPCError, RuntimeError, OSError) as error:
        raise UnavailableError(
            "Temporal", settings.address, _reason(error, settings.namespace), remedy=REMEDY
        ) from error
    return client


async def unconnected(settings: TemporalSettings, *, runtime: Runtime) -> Client:
    """The same client, which connects when it is first asked for something: to make things of
    that are only looked at."""
    return await _client(settings, runtime, lazy=True)


async def _client(settings: TemporalSettings, runtime: Runtime, *, lazy: bool) -> Client:
    config = ClientConfig.load_client_connect_config()
    config["target_host"] = settings.address
    config["namespace"] = settings.namespace
    return await Client.connect(
        **config, data_converter=pydantic_data_converter, runtime=runtime, lazy=lazy
    )


async def describe_namespace(client: Client) -> None:
    """Return when the server answers and knows the client's namespace; RPCError otherwise."""
    await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )


def _reason(error: BaseException, namespace: str) -> str:
    if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
        return f"it has no namespace {namespace!r}"
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


async def server_version(client: Client) -> str:
    """The server's version, as it says itself."""
    info = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    return info.server_version

"""Namespaces for tests: cheap on the development server, and nobody else's runs are in them."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

RETENTION_SECONDS = 24 * 3600
DEADLINE_SECONDS = 20


async def create_namespace(client: Client) -> str:
    """Register a namespace and return its name once the server can use it."""
    name = f"test-{uuid4().hex[:16]}"
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=name,
            workflow_execution_retention_period=Duration(seconds=RETENTION_SECONDS),
        )
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await _is_usable(client, name):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.02)
    return name


async def _is_usable(client: Client, name: str) -> bool:
    # Frontend and matching each read their own copy of the list of namespaces.
    try:
        await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(namespace=name, task_queue=TaskQueue(name="probe"))
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True

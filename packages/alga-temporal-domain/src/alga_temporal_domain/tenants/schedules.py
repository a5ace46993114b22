"""A tenant's schedules in Temporal."""

from __future__ import annotations

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

log = structlog.get_logger()

ATTRIBUTE = "TenantId"
"""The search attribute that names a schedule's tenant, where the namespace has it."""


async def remove_schedules(client: Client, tenant: str) -> int:
    """Delete those with the search attribute, and those whose ids are `<kind>/<tenant>/<name>`; how
    many."""
    found = await _by_attribute(client, tenant)
    async for listed in await client.list_schedules():
        # Only the second part: what follows is a name, which may be that of another tenant.
        parts = listed.id.split("/", maxsplit=2)
        if len(parts) > 2 and parts[1] == tenant:
            found.add(listed.id)
    for schedule_id in sorted(found):
        try:
            await client.get_schedule_handle(schedule_id).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    if found:
        log.info(
            f"Removed {len(found)} schedules of a tenant that is deleted.",
            action="tenant.schedules_removed",
            tenant=tenant,
        )
    return len(found)


async def _by_attribute(client: Client, tenant: str) -> set[str]:
    try:
        # A tenant's name has no quotation mark.
        listed = await client.list_schedules(query=f"{ATTRIBUTE} = '{tenant}'")
        return {each.id async for each in listed}
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            return set()  # The namespace has no such attribute, so no schedule does.
        raise

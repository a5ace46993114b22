"""Tell an event in a transaction of one's own, for services on the same database."""

from __future__ import annotations

from alga_workflows_core.errors import InputError
from alga_workflows_core.events.cloud_event import CloudEvent, read_event
from alga_workflows_core.infra.secrets.port import TENANT
from alga_workflows_core.storage.events import stage_in
from alga_workflows_core.storage.transactions import CallersTransaction
from alga_workflows_core.types.json import JsonObject


async def publish(
    connection: CallersTransaction, tenant: str, event: CloudEvent | JsonObject
) -> bool:
    """Tell an event of a tenant if, and when, the caller's transaction commits; whether it is new.

    `event` is a CloudEvent, or one as JSON. False: the tenant has an event of this source and id,
    which stays as it is; if another transaction has just told it, this waits for that one's end.
    So whoever tells several in one transaction does it in one order everywhere, by source and id.

    Nothing is committed here, and nothing is delivered before the commit. The login needs EXECUTE
    on `alga_stage_event`, which has to be in its search path, and no table. What the tenant's
    event types say is asked when the event is accepted: one that they refuse becomes REFUSED.

    InputError for what is no event, TooLargeError for too much data, as over HTTP. Errors of the
    database are the driver's own: the transaction is the caller's.
    """
    if not TENANT.fullmatch(tenant):
        raise InputError(
            "This cannot be a tenant.",
            code="TENANT_INVALID",
            path="tenant",
            remedy="A tenant has letters, digits and ._-, 64 at most.",
        )
    told = event if isinstance(event, CloudEvent) else read_event(event)
    return await stage_in(connection, tenant, told.staged())

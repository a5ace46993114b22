"""Names that other programs rely on."""

from __future__ import annotations

WORKFLOW = "slaTicketWorkflow"
CHANGE = "change"
STATE_QUERY = "getState"
RECORD_ACTIVITY = "recordSlaChanges"

ITEM = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$"
"""The pattern of an item's name."""

CLOCK = r"^[a-z][a-zA-Z0-9_-]{0,63}$"
"""The pattern of a clock's name."""


def workflow_id(tenant: str, item: str) -> str:
    """The id of the execution that keeps an item's clocks."""
    return f"sla-ticket-{tenant}-{item}"

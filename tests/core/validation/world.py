"""What the definitions of the table may refer to: a desk for tickets, orders and invoices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alga_workflows_core.actions.builtin.catalogue import builtin_specs
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.validation.catalogue import Catalogue, WorkflowSpec

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer", "minimum": 1}


def record(required: Mapping[str, Any], **optional: Any) -> dict[str, Any]:
    """The schema of an object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def _action(
    name: str, version: int, takes: dict[str, Any], gives: dict[str, Any], *secrets: str
) -> tuple[tuple[str, int], ActionSpec]:
    spec = ActionSpec(
        id=name,
        version=version,
        kind=ActionKind.IDEMPOTENT,
        queue="desk",
        description=f"{name} of the desk.",
        input_schema=takes,
        output_schema=gives,
        secret_fields=secrets,
    )
    return (name, version), spec


PRIORITY: dict[str, Any] = {"enum": ["low", "normal", "high", "urgent"]}
ACTIONS = dict(
    [
        _action(
            "tickets.create",
            1,
            record(
                {"subject": TEXT, "clientId": TEXT},
                priority=PRIORITY,
                tags={"type": "array", "items": TEXT},
            ),
            record({"ticketId": TEXT, "number": WHOLE}),
        ),
        _action("tickets.get", 1, record({"ticketId": TEXT}), {"type": "object"}),
        _action(
            "tickets.close", 1, record({"ticketId": TEXT}), record({"closed": {"type": "boolean"}})
        ),
        _action(
            "tickets.close",
            2,
            record({"ticketId": TEXT, "reason": TEXT}),
            record({"closed": {"type": "boolean"}}),
        ),
        _action(
            "billing.charge",
            1,
            record(
                {
                    "customerId": TEXT,
                    "amount": {"type": "number", "exclusiveMinimum": 0},
                    "currency": {"enum": ["EUR", "USD"]},
                },
                token=TEXT,
            ),
            record({"chargeId": TEXT, "paidAt": TEXT}),
            "/token",
        ),
        _action(
            "billing.refund",
            1,
            record({"chargeId": TEXT}, token=TEXT),
            record({"refundId": TEXT}),
            "/token",
        ),
        _action(
            "mail.send",
            1,
            record({"to": TEXT, "subject": TEXT, "text": TEXT}, apiKey=TEXT),
            record({"messageId": TEXT}),
            "/apiKey",
        ),
        _action(
            "stock.reserve",
            1,
            record({"sku": TEXT, "quantity": WHOLE}),
            record({"reservationId": TEXT}),
        ),
        _action("stock.release", 1, record({"reservationId": TEXT}), record({})),
        _action(
            "shipping.book",
            1,
            record({"orderId": TEXT, "address": {"type": "object"}}),
            record({"bookingId": TEXT, "pickupAt": TEXT}),
        ),
        _action("shipping.cancel", 1, record({"bookingId": TEXT}), record({})),
        _action(
            "accounts.create",
            1,
            record({"email": TEXT}, plan={"enum": ["trial", "team", "company"]}, seats=WHOLE),
            record({"accountId": TEXT}),
        ),
        _action("accounts.remove", 1, record({"accountId": TEXT}), record({})),
        _action(
            "files.export",
            1,
            record({"dataset": TEXT}, cursor={"type": ["string", "null"]}, limit=WHOLE),
            record(
                {"rows": {"type": "array", "items": {"type": "object"}}},
                next={"type": ["string", "null"]},
            ),
        ),
        _action(
            "files.store",
            1,
            record({"name": TEXT, "rows": {"type": "array"}}, signingKey=TEXT),
            record({"fileId": TEXT, "bytes": {"type": "integer"}}),
            "/signingKey",
        ),
        _action("files.delete", 1, record({"fileId": TEXT}), record({})),
        _action(
            "chat.post",
            1,
            record({"channel": TEXT, "text": TEXT}, mentions={"type": "array", "items": TEXT}),
            record({"postId": TEXT}),
        ),
    ]
)

WORKFLOWS = {
    "send-invoice": WorkflowSpec(
        versions={
            1: record({"orderId": TEXT}),
            2: record({"orderId": TEXT, "amount": {"type": "number"}}, copies=WHOLE),
        },
        active=2,
    ),
    "onboard-client": WorkflowSpec(versions={1: None}, active=1, calls=frozenset({"send-invoice"})),
    "escalate-ticket": WorkflowSpec(
        versions={1: record({"ticketId": TEXT})}, active=1, calls=frozenset({"ticket-follow-up"})
    ),
    "retired-export": WorkflowSpec(versions={1: None}, active=None),
    "check-credit": WorkflowSpec(
        versions={1: record({"customerId": TEXT, "amount": {"type": "number"}})}, active=1
    ),
    "send-newsletter": WorkflowSpec(
        versions={3: record({"address": TEXT, "issue": WHOLE}, language={"enum": ["de", "en"]})},
        active=3,
    ),
}
"""`escalate-ticket` calls `ticket-follow-up`, so a definition with that id closes a circle."""

EVENTS: dict[str, dict[str, Any] | None] = {
    "TICKET_CREATED": record(
        {"id": TEXT, "subject": TEXT, "clientId": TEXT}, priority=PRIORITY, seats=WHOLE
    ),
    "CLIENT_REPLIED": record({"ticketId": TEXT, "text": TEXT}),
    "PAYMENT_RECEIVED": record({"orderId": TEXT, "amount": {"type": "number"}}),
    "PAYMENT_FAILED": record({"orderId": TEXT, "reason": TEXT}),
    "ORDER_PLACED": record(
        {
            "orderId": TEXT,
            "customerId": TEXT,
            "total": {"type": "number"},
            "lines": {"type": "array", "items": record({"sku": TEXT, "quantity": WHOLE})},
        }
    ),
    "INCIDENT_OPENED": record(
        {"incidentId": TEXT, "service": TEXT, "severity": {"type": "integer", "minimum": 1}},
        labels={"type": "array", "items": TEXT},
        reporter=TEXT,
        parentId=TEXT,
    ),
    "INCIDENT_RESOLVED": record({"incidentId": TEXT}, summary=TEXT),
    "CONTRACT_SIGNED": record({"contractId": TEXT, "signedBy": TEXT, "signedAt": TEXT}),
    "CONTRACT_DECLINED": record({"contractId": TEXT}, reason=TEXT),
    "TRIAL_STARTED": record({"accountId": TEXT, "email": TEXT, "endsAt": TEXT}),
    "PLAN_CHOSEN": record({"accountId": TEXT, "plan": TEXT}),
    "ORDER_SHIPPED": None,
    "ORDER_CANCELLED": None,
}

CATALOGUE = Catalogue(
    actions={**builtin_specs(), **ACTIONS},
    workflows=WORKFLOWS,
    events=EVENTS,
    secrets=frozenset({"MAIL_API_KEY", "BILLING_TOKEN", "EXPORT_SIGNING_KEY"}),
    calendars=frozenset({"default", "support-hours", "warehouse"}),
)

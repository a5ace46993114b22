"""Webhooks: how they are set, and where their messages arrive."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from alga_workflows_core.api.webhook_views import (
    ReceivedView,
    Webhook,
    WebhookView,
    new_webhook,
    webhook_view,
)
from alga_workflows_core.events.webhook_receiver import Message, WebhookReceiver
from alga_workflows_core.events.webhooks import WebhookService
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Author, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_id,
    page_of,
)
from alga_workflows_core.types.identifiers import DEFINITION_ID

Name = Annotated[str, Path(pattern=DEFINITION_ID, description="The webhook's name.")]
# Of any form: one that cannot be an id is answered like one that is none.
Address = Annotated[str, Path(description="The webhook's id, not its name.")]


def router(service: WebhookService) -> APIRouter:
    """Endpoints over `service`."""
    routes = APIRouter(tags=["webhooks"])
    _add_reading(routes, service)
    _add_writing(routes, service)
    _add_receiving(routes, service.receiver)
    return routes


def _add_reading(routes: APIRouter, service: WebhookService) -> None:
    @routes.get("/webhooks")
    async def list_webhooks(
        caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[WebhookView]:
        """By name."""
        rows = await service.list(caller.tenant, after=decode_id(after), limit=limit + 1)
        return page_of(rows, limit, webhook_view, lambda row: (row.name,))

    @routes.get("/webhooks/{webhook}")
    async def get_webhook(webhook: Name, caller: Reader) -> WebhookView:
        """One webhook, with the address that its messages are sent to."""
        return webhook_view(await service.get(caller.tenant, webhook))


def _add_writing(routes: APIRouter, service: WebhookService) -> None:
    @routes.put(
        "/webhooks/{webhook}",
        responses={HTTPStatus.CREATED.value: {"model": WebhookView}},
        openapi_extra=openapi.body(Webhook),
    )
    async def save_webhook(
        webhook: Name, request: Request, response: Response, caller: Author
    ) -> WebhookView:
        """Set a webhook, 201 a new one; one that is there keeps its address."""
        body = await read_model(request, Webhook)
        row, created = await service.save(caller.tenant, webhook, new_webhook(body), by=caller.name)
        if created:
            response.status_code = HTTPStatus.CREATED.value
        return webhook_view(row)

    @routes.delete("/webhooks/{webhook}", status_code=HTTPStatus.NO_CONTENT)
    async def remove_webhook(webhook: Name, caller: Author) -> None:
        """Take a webhook away; a new one of the same name has another address."""
        await service.remove(caller.tenant, webhook, by=caller.name)


def _add_receiving(routes: APIRouter, receiver: WebhookReceiver) -> None:
    @routes.post(
        "/webhooks/{webhook}",
        status_code=HTTPStatus.ACCEPTED,
        responses={HTTPStatus.OK.value: {"model": ReceivedView}},
        openapi_extra={**openapi.OPEN, **openapi.ANY_JSON},
    )
    async def receive(webhook: Address, request: Request, response: Response) -> ReceivedView:
        """Take a message that is signed as Standard Webhooks has it: 202 an event, 200 one that
        had come before. No key is needed: the signature is the key."""
        received = await receiver.receive(
            Message(
                webhook_id=webhook,
                message_id=_header(request, "webhook-id"),
                timestamp=_header(request, "webhook-timestamp"),
                signature=_header(request, "webhook-signature"),
                body=await request.body(),
            )
        )
        if received.duplicate:
            response.status_code = HTTPStatus.OK.value
        return ReceivedView(
            event_id=received.event_id, source=received.source, duplicate=received.duplicate
        )


def _header(request: Request, name: str) -> str:
    found = request.headers.getlist(name)
    return found[0] if len(found) == 1 else ""

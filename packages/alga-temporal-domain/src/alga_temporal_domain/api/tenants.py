"""Tenants over HTTP: for admins of the management tenant, but for setting a password."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Path, Request, Response

from alga_temporal_domain.api.pace import Pace
from alga_temporal_domain.api.projects import IdempotencyKey
from alga_temporal_domain.api.tenant_views import (
    Because,
    ExportsView,
    NewPassword,
    NewTenant,
    StartedView,
    TenantView,
    WelcomeWish,
    export_view,
    tenant_view,
)
from alga_temporal_domain.tenants.desk import TenantDesk
from alga_temporal_domain.tenants.passwords import PasswordDesk
from alga_workflows_core.errors import AccessError
from alga_workflows_core.infra.auth import Principal
from alga_workflows_core.infra.web import openapi, problems
from alga_workflows_core.infra.web.access import Admin
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_time_and_key,
    page_of,
)
from alga_workflows_core.types.identifiers import TENANT

TenantPath = Annotated[str, Path(pattern=TENANT)]


async def _manager(request: Request, caller: Admin) -> Principal:
    """The caller, if it manages tenants."""
    desk: TenantDesk = request.app.state.tenants
    if desk.management is None or caller.tenant != desk.management:
        raise AccessError(
            "Only admins of the management tenant manage tenants.",
            authenticated=True,
            remedy="WORKER_MANAGEMENT_TENANT names it; use a key of that tenant.",
        )
    return caller


Manager = Annotated[Principal, Depends(_manager)]
"""A caller who manages tenants."""


def router(desk: TenantDesk, passwords: PasswordDesk) -> APIRouter:
    """Endpoints over both."""
    routes = APIRouter(tags=["tenants"])
    _add_tenants(routes, desk)
    _add_lifecycle(routes, desk)
    _add_exports(routes, desk)
    _add_passwords(routes, passwords)
    return routes


def _add_tenants(routes: APIRouter, desk: TenantDesk) -> None:
    @routes.post(
        "/tenants",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": TenantView}},
        openapi_extra=openapi.body(NewTenant),
    )
    async def make_tenant(
        request: Request,
        response: Response,
        caller: Manager,
        idempotency_key: IdempotencyKey = None,
    ) -> TenantView:
        """Begin to make a tenant: 201, or 200 with the one that this Idempotency-Key makes."""
        body = await read_model(request, NewTenant)
        row, new = await desk.create(
            tenant=body.id,
            name=body.name,
            admin=body.admin,
            key=idempotency_key,
            actor=caller.name,
        )
        if not new:
            response.status_code = HTTPStatus.OK.value
        return tenant_view(row)

    @routes.get("/tenants")
    async def list_tenants(
        _caller: Manager, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[TenantView]:
        """The newest first."""
        rows = await desk.page(decode_time_and_key(after), limit + 1)
        return page_of(rows, limit, tenant_view, lambda row: (row.created_at, row.tenant))

    @routes.get("/tenants/{tenant}")
    async def get_tenant(tenant: TenantPath, _caller: Manager) -> TenantView:
        """One tenant."""
        return tenant_view(await desk.get(tenant))


def _add_lifecycle(routes: APIRouter, desk: TenantDesk) -> None:
    accepted = HTTPStatus.ACCEPTED

    @routes.post(
        "/tenants/{tenant}/welcome",
        status_code=accepted,
        openapi_extra=openapi.body(WelcomeWish, required=False),
    )
    async def welcome(
        tenant: TenantPath,
        request: Request,
        caller: Manager,
        idempotency_key: IdempotencyKey = None,
    ) -> TenantView:
        """Send a new link by mail; once for each Idempotency-Key."""
        body = await read_model(request, WelcomeWish, empty=WelcomeWish())
        key = idempotency_key or str(uuid4())
        await desk.welcome(tenant, body.user_id, key=key, actor=caller.name)
        return tenant_view(await desk.get(tenant))

    @routes.post(
        "/tenants/{tenant}/suspend",
        status_code=accepted,
        openapi_extra=openapi.body(Because, required=False),
    )
    async def suspend(tenant: TenantPath, request: Request, caller: Manager) -> TenantView:
        """Deactivate its users and its keys."""
        body = await read_model(request, Because, empty=Because())
        await desk.suspend(tenant, reason=body.reason, actor=caller.name)
        return tenant_view(await desk.get(tenant))

    @routes.post(
        "/tenants/{tenant}/resume",
        status_code=accepted,
        openapi_extra=openapi.body(Because, required=False),
    )
    async def resume(tenant: TenantPath, request: Request, caller: Manager) -> TenantView:
        """Give back those users that were deactivated by the suspension."""
        body = await read_model(request, Because, empty=Because())
        await desk.resume(tenant, reason=body.reason, actor=caller.name)
        return tenant_view(await desk.get(tenant))


def _add_exports(routes: APIRouter, desk: TenantDesk) -> None:
    @routes.post(
        "/tenants/{tenant}/exports",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(Because, required=False),
    )
    async def export(
        tenant: TenantPath,
        request: Request,
        caller: Manager,
        idempotency_key: IdempotencyKey = None,
    ) -> StartedView:
        """Begin to write all of its rows down."""
        body = await read_model(request, Because, empty=Because())
        begun = await desk.export(
            tenant, key=idempotency_key, reason=body.reason, actor=caller.name
        )
        return StartedView(id=begun)

    @routes.get("/tenants/{tenant}/exports")
    async def list_exports(tenant: TenantPath, _caller: Manager) -> ExportsView:
        """The latest fifty."""
        return ExportsView(items=[export_view(row) for row in await desk.exports(tenant)])


def _add_passwords(routes: APIRouter, passwords: PasswordDesk) -> None:
    pace = Pace()

    @routes.post(
        "/set-password",
        status_code=HTTPStatus.NO_CONTENT,
        openapi_extra={**openapi.body(NewPassword), **openapi.OPEN},
    )
    async def set_password(request: Request) -> Response:
        """Set a password with the token of a link: 204. No key is needed; 429 to who asks often."""
        peer = request.client.host if request.client is not None else ""
        wait = pace.wait(peer)
        if wait:
            return problems.problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                code="TOO_MANY_REQUESTS",
                detail="There were too many tries.",
                remedy=f"Try again in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )
        body = await read_model(request, NewPassword)
        await passwords.set_password(body.token, body.password)
        return Response(status_code=HTTPStatus.NO_CONTENT)

"""What operators decide about a tenant that is being made or deleted, over HTTP."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request

from alga_temporal_domain.api.tenant_views import (
    Because,
    CompensateWish,
    ConfirmWish,
    DeletionView,
    GivenReason,
    ResumeWish,
    StartedView,
    WaiveWish,
    deletion_view,
)
from alga_temporal_domain.api.tenants import Manager, TenantPath
from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import (
    CompensateCreation,
    Confirm,
    CreationState,
    Decision,
    DeletionState,
    ResumeCreation,
    Rollback,
    Waiver,
)
from alga_temporal_domain.tenants.desk import TenantDesk
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.body import read_model


def router(desk: TenantDesk) -> APIRouter:
    """Endpoints over it."""
    routes = APIRouter(tags=["tenants"])
    _add_creation(routes, desk)
    _add_deletion(routes, desk)
    _add_decisions(routes, desk)
    _add_clock(routes, desk)
    return routes


def _add_creation(routes: APIRouter, desk: TenantDesk) -> None:
    @routes.get("/tenants/{tenant}/creation")
    async def get_creation(tenant: TenantPath, _caller: Manager) -> CreationState:
        """How far its making is, and what it waits for."""
        return await desk.creation(tenant)

    @routes.post(
        "/tenants/{tenant}/creation/resume", openapi_extra=openapi.body(ResumeWish, required=False)
    )
    async def resume_creation(
        tenant: TenantPath, request: Request, caller: Manager
    ) -> CreationState:
        """Go on from the step that has failed, or behind it."""
        body = await read_model(request, ResumeWish, empty=ResumeWish())
        given = ResumeCreation(by=caller.name, skip=body.skip)
        return await desk.ask_creation(tenant, names.RESUME_UPDATE, given)

    @routes.post(
        "/tenants/{tenant}/creation/compensate", openapi_extra=openapi.body(CompensateWish)
    )
    async def compensate_creation(
        tenant: TenantPath, request: Request, caller: Manager
    ) -> CreationState:
        """Undo what was made, the last step first. All rows of the tenant go."""
        body = await read_model(request, CompensateWish)
        given = CompensateCreation(by=caller.name, confirm=body.confirm)
        return await desk.ask_creation(tenant, names.COMPENSATE_UPDATE, given)


def _add_deletion(routes: APIRouter, desk: TenantDesk) -> None:
    @routes.post(
        "/tenants/{tenant}/deletion",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=openapi.body(Because, required=False),
    )
    async def delete(tenant: TenantPath, request: Request, caller: Manager) -> StartedView:
        """Begin to delete it: its users are out at once, its rows stay for the waiting periods."""
        body = await read_model(request, Because, empty=Because())
        begun = await desk.delete(tenant, reason=body.reason, actor=caller.name)
        return StartedView(id=begun)

    @routes.get("/tenants/{tenant}/deletion")
    async def get_deletion(tenant: TenantPath, _caller: Manager) -> DeletionView:
        """The latest one."""
        return deletion_view(*await desk.deletion(tenant))


def _add_decisions(routes: APIRouter, desk: TenantDesk) -> None:
    @routes.post("/tenants/{tenant}/deletion/confirm", openapi_extra=openapi.body(ConfirmWish))
    async def confirm(tenant: TenantPath, request: Request, caller: Manager) -> DeletionState:
        """Set the date: now, or 30 or 90 days from now."""
        body = await read_model(request, ConfirmWish)
        given = Confirm(after=body.after, by=caller.name)
        return await desk.ask_deletion(tenant, names.CONFIRM_UPDATE, given)

    @routes.post("/tenants/{tenant}/deletion/rollback", openapi_extra=openapi.body(GivenReason))
    async def rollback(tenant: TenantPath, request: Request, caller: Manager) -> DeletionState:
        """Keep the tenant. 409 once its rows are being erased."""
        body = await read_model(request, GivenReason)
        given = Rollback(by=caller.name, reason=body.reason)
        return await desk.ask_deletion(tenant, names.ROLLBACK_UPDATE, given)

    @routes.post("/tenants/{tenant}/deletion/waive", openapi_extra=openapi.body(WaiveWish))
    async def waive(tenant: TenantPath, request: Request, caller: Manager) -> DeletionState:
        """Go on without the step that has failed; who and why is kept."""
        body = await read_model(request, WaiveWish)
        given = Waiver(step=body.step, by=caller.name, reason=body.reason)
        return await desk.ask_deletion(tenant, names.WAIVE_UPDATE, given)


def _add_clock(routes: APIRouter, desk: TenantDesk) -> None:
    @routes.post("/tenants/{tenant}/deletion/pause")
    async def pause(tenant: TenantPath, caller: Manager) -> DeletionState:
        """Stop the clock."""
        return await desk.ask_deletion(tenant, names.PAUSE_UPDATE, Decision(by=caller.name))

    @routes.post("/tenants/{tenant}/deletion/continue")
    async def go_on(tenant: TenantPath, caller: Manager) -> DeletionState:
        """Let the clock go on; as many days are left as there were."""
        return await desk.ask_deletion(tenant, names.CONTINUE_UPDATE, Decision(by=caller.name))

    @routes.post("/tenants/{tenant}/deletion/retry")
    async def retry(tenant: TenantPath, caller: Manager) -> DeletionState:
        """Try the step that has failed again."""
        return await desk.ask_deletion(tenant, names.RETRY_UPDATE, Decision(by=caller.name))

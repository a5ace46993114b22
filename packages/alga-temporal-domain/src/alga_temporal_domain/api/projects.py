"""Projects and their bundles over HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response

from alga_temporal_domain.api.views import (
    Activate,
    ActivationView,
    BundleDetailView,
    BundleView,
    NewBundle,
    NewProject,
    ProjectChange,
    ProjectView,
    PublishedView,
    activation_view,
    bundle_view,
    changed_limits,
    project_view,
)
from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.catalogue import ProjectCatalogue
from alga_temporal_domain.projects.publishing import (
    AUTO_UPGRADE,
    PINNED,
    Activation,
    Publishing,
)
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Author, Operator, Reader
from alga_workflows_core.infra.web.body import read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_number,
    decode_time_and_id,
    decode_time_and_key,
    page_of,
)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key makes one thing, however often it is sent.",
    ),
]
BundleHash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


def router(catalogue: ProjectCatalogue, publishing: Publishing) -> APIRouter:
    """Endpoints over both."""
    routes = APIRouter(tags=["projects"])
    _add_projects(routes, catalogue)
    _add_bundles(routes, catalogue, publishing)
    _add_activations(routes, catalogue, publishing)
    return routes


def _add_projects(routes: APIRouter, catalogue: ProjectCatalogue) -> None:
    @routes.post(
        "/projects",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": ProjectView}},
        openapi_extra=openapi.body(NewProject),
    )
    async def make_project(
        request: Request,
        response: Response,
        caller: Author,
        idempotency_key: IdempotencyKey = None,
    ) -> ProjectView:
        """Make a project: 201, or 200 with the one that this Idempotency-Key has made."""
        body = await read_model(request, NewProject)
        row, created = await catalogue.create(
            caller.tenant,
            name=body.name,
            description=body.description,
            queue=body.queue,
            actor=caller.name,
            key=idempotency_key,
        )
        if not created:
            response.status_code = HTTPStatus.OK.value
        return project_view(row)

    @routes.get("/projects")
    async def list_projects(
        caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[ProjectView]:
        """The newest first."""
        rows = await catalogue.page(caller.tenant, decode_time_and_id(after), limit + 1)
        return page_of(rows, limit, project_view, lambda row: (row.created_at, row.id))

    @routes.get("/projects/{project_id}")
    async def get_project(project_id: UUID, caller: Reader) -> ProjectView:
        """One project."""
        return project_view(await catalogue.get(caller.tenant, project_id))

    @routes.patch("/projects/{project_id}", openapi_extra=openapi.body(ProjectChange))
    async def change_project(project_id: UUID, request: Request, caller: Operator) -> ProjectView:
        """Change how many workers there are, when they sleep, and what each may have."""
        body = await read_model(request, ProjectChange)
        row = await catalogue.resize(
            caller.tenant,
            project_id,
            slots=body.slots,
            most_slots=body.most_slots,
            idle_seconds=body.idle_seconds,
            idle_given="idle_seconds" in body.model_fields_set,
            limits=changed_limits(body),
        )
        return project_view(row)


def _add_bundles(routes: APIRouter, catalogue: ProjectCatalogue, publishing: Publishing) -> None:
    @routes.post(
        "/projects/{project_id}/bundles",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": PublishedView}},
        openapi_extra=openapi.body(NewBundle),
    )
    async def publish(
        project_id: UUID, request: Request, response: Response, caller: Author
    ) -> PublishedView:
        """Keep modules: 201, or 200 if the same ones are kept already; 422 with the findings."""
        body = await read_model(request, NewBundle)
        bundle = await _bundle(body, publishing, caller.tenant, project_id)
        published = await publishing.publish(caller.tenant, project_id, bundle, caller.name)
        if not published.created:
            response.status_code = HTTPStatus.OK.value
        return PublishedView(
            hash=published.hash, created=published.created, manifest=bundle.manifest
        )

    @routes.get("/projects/{project_id}/bundles")
    async def list_bundles(
        project_id: UUID, caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[BundleView]:
        """The newest first, without their files."""
        key = decode_time_and_key(after)
        rows = await catalogue.bundles(caller.tenant, project_id, key, limit + 1)
        return page_of(rows, limit, bundle_view, lambda row: (row.created_at, row.hash))

    @routes.get("/projects/{project_id}/bundles/{bundle_hash}")
    async def get_bundle(
        project_id: UUID, bundle_hash: BundleHash, caller: Reader
    ) -> BundleDetailView:
        """One bundle with its files."""
        bundle = await publishing.bundle(caller.tenant, project_id, bundle_hash)
        return BundleDetailView(hash=bundle.hash, manifest=bundle.manifest, files=bundle.files)


def _add_activations(
    routes: APIRouter, catalogue: ProjectCatalogue, publishing: Publishing
) -> None:
    @routes.post(
        "/projects/{project_id}/bundles/{bundle_hash}/activate",
        openapi_extra=openapi.body(Activate, required=False),
    )
    async def activate(
        project_id: UUID, bundle_hash: BundleHash, request: Request, caller: Author
    ) -> ActivationView:
        """Have new executions begin with a bundle; an old one is a rollback. 409 if `ifSeq` is no
        longer the latest activation."""
        body = await read_model(request, Activate, empty=Activate())
        wish = Activation(
            hash=bundle_hash,
            mode=PINNED if body.mode == "pinned" else AUTO_UPGRADE,
            ramp_percent=body.ramp_percent,
            expected_seq=body.if_seq,
            actor=caller.name,
            reason=body.reason,
        )
        return activation_view(await publishing.activate(caller.tenant, project_id, wish))

    @routes.get("/projects/{project_id}/activations")
    async def list_activations(
        project_id: UUID, caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[ActivationView]:
        """The latest first."""
        before = decode_number(after)
        rows = await catalogue.activations(caller.tenant, project_id, before, limit + 1)
        return page_of(rows, limit, activation_view, lambda row: (row.seq,))


async def _bundle(body: NewBundle, publishing: Publishing, tenant: str, project_id: UUID) -> Bundle:
    if body.manifest is None:
        return await publishing.bundle_of(tenant, project_id, body.files)
    return publishing.bundle_with(body.files, body.manifest.model_dump(exclude_none=True))

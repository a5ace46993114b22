"""Drafts, publishing, versions, validation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from alga_workflows_core.api.definition_views import (
    Activate,
    ChangesView,
    ChangeView,
    DefinitionDraftView,
    DefinitionView,
    DraftView,
    FindingsView,
    Publish,
    PublishedView,
    StateChange,
    VersionDocumentView,
    VersionView,
    definition_view,
    version_view,
)
from alga_workflows_core.api.etags import SaveCondition, etag
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.catalogue.lifecycle import DefinitionLifecycle
from alga_workflows_core.definition.document import Definition
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Author, Reader
from alga_workflows_core.infra.web.body import read_json, read_model
from alga_workflows_core.infra.web.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_id,
    decode_number,
    page_of,
)
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.strict_json import loads

DefinitionId = Annotated[str, Path(pattern=DEFINITION_ID)]
VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
FormerVersion = Annotated[
    int | None,
    Query(alias="from", ge=1, le=2**31 - 1, description="Without it, the version before."),
]
MAX_CHANGES = 200


def router(service: DefinitionService) -> APIRouter:
    """Endpoints over `service`."""
    routes = APIRouter(tags=["definitions"])
    _add_authoring(routes, service)
    _add_lifecycle(routes, service.lifecycle)
    _add_reading(routes, service)
    _add_versions(routes, service)
    return routes


def _add_authoring(routes: APIRouter, service: DefinitionService) -> None:
    @routes.put(
        "/definitions/{definition_id}/draft",
        openapi_extra=openapi.body(Definition),
    )
    async def save_draft(
        definition_id: DefinitionId,
        request: Request,
        response: Response,
        caller: Author,
        condition: SaveCondition,
    ) -> DraftView:
        """Store the draft of a definition, and answer its ETag; findings do not hinder that."""
        saved = await service.save_draft(
            caller.tenant,
            definition_id,
            await read_json(request),
            by=caller.name,
            condition=condition,
        )
        response.headers["ETag"] = etag(saved.hash)
        return DraftView(draft=saved.document, hash=saved.hash, findings=saved.findings)

    @routes.post(
        "/definitions/{definition_id}/publish",
        status_code=HTTPStatus.CREATED,
        responses={HTTPStatus.OK.value: {"model": PublishedView}},
        openapi_extra=openapi.body(Publish, required=False),
    )
    async def publish(
        definition_id: DefinitionId,
        request: Request,
        response: Response,
        caller: Author,
    ) -> PublishedView:
        """Make the draft an immutable version: 201 a new one, 200 the one with this content."""
        body = await read_model(request, Publish, empty=Publish())
        published = await service.publish(
            caller.tenant, definition_id, note=body.note, by=caller.name
        )
        if not published.created:
            response.status_code = HTTPStatus.OK.value
        return PublishedView(version=published.version.version, hash=published.version.hash)

    @routes.post("/validate", openapi_extra=openapi.body(Definition))
    async def validate(request: Request, caller: Reader) -> FindingsView:
        """What is wrong with a document, without storing it."""
        validated = await service.validate(caller.tenant, await read_json(request))
        return FindingsView(findings=validated.findings)


def _add_lifecycle(routes: APIRouter, lifecycle: DefinitionLifecycle) -> None:
    @routes.post(
        "/definitions/{definition_id}/activate",
        openapi_extra=openapi.body(Activate, required=False),
    )
    async def activate(
        definition_id: DefinitionId, request: Request, caller: Author
    ) -> DefinitionView:
        """Promote or roll back to a published version, or make a definition active again."""
        body = await read_model(request, Activate, empty=Activate())
        return definition_view(
            await lifecycle.activate(
                caller.tenant, definition_id, version=body.version, by=caller.name
            )
        )

    nothing = openapi.body(StateChange, required=False)

    @routes.post("/definitions/{definition_id}/pause", openapi_extra=nothing)
    async def pause(
        definition_id: DefinitionId, request: Request, caller: Author
    ) -> DefinitionView:
        """Start no new runs until it is resumed; those that run go on."""
        await read_model(request, StateChange, empty=StateChange())
        return definition_view(await lifecycle.pause(caller.tenant, definition_id, by=caller.name))

    @routes.post("/definitions/{definition_id}/resume", openapi_extra=nothing)
    async def resume(
        definition_id: DefinitionId, request: Request, caller: Author
    ) -> DefinitionView:
        """Undo a pause."""
        await read_model(request, StateChange, empty=StateChange())
        return definition_view(await lifecycle.resume(caller.tenant, definition_id, by=caller.name))

    @routes.post("/definitions/{definition_id}/archive", openapi_extra=nothing)
    async def archive(
        definition_id: DefinitionId, request: Request, caller: Author
    ) -> DefinitionView:
        """Start no new runs until it is activated again; those that run go on."""
        await read_model(request, StateChange, empty=StateChange())
        return definition_view(
            await lifecycle.archive(caller.tenant, definition_id, by=caller.name)
        )


def _add_reading(routes: APIRouter, service: DefinitionService) -> None:
    @routes.get("/definitions")
    async def list_definitions(
        caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[DefinitionView]:
        """By id."""
        rows = await service.list(caller.tenant, after=decode_id(after), limit=limit + 1)
        return page_of(rows, limit, definition_view, lambda row: (row.id,))

    @routes.get("/definitions/{definition_id}")
    async def get_definition(
        definition_id: DefinitionId, response: Response, caller: Reader
    ) -> DefinitionDraftView:
        """One definition with its draft, and the ETag of that draft."""
        row = await service.get(caller.tenant, definition_id)
        # The ETag does not change with the state, which is shown here too.
        response.headers["Cache-Control"] = "no-store"
        if row.draft_hash is not None:
            response.headers["ETag"] = etag(row.draft_hash)
        draft = None if row.draft is None else loads(row.draft)
        return DefinitionDraftView(**definition_view(row).model_dump(), draft=draft)


def _add_versions(routes: APIRouter, service: DefinitionService) -> None:
    @routes.get("/definitions/{definition_id}/versions")
    async def list_versions(
        definition_id: DefinitionId,
        caller: Reader,
        after: After = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[VersionView]:
        """The newest first."""
        rows = await service.versions(
            caller.tenant, definition_id, after=decode_number(after), limit=limit + 1
        )
        return page_of(rows, limit, version_view, lambda row: (row.version,))

    @routes.get("/definitions/{definition_id}/versions/{number}")
    async def get_version(
        definition_id: DefinitionId, number: VersionNumber, caller: Reader
    ) -> VersionDocumentView:
        """A published version with its document."""
        row = await service.version(caller.tenant, definition_id, number)
        return VersionDocumentView(**version_view(row).model_dump(), document=row.parsed())

    @routes.get("/definitions/{definition_id}/versions/{number}/changes")
    async def get_changes(
        definition_id: DefinitionId,
        number: VersionNumber,
        caller: Reader,
        former: FormerVersion = None,
    ) -> ChangesView:
        """What a version has changed, in words."""
        if former is None and number > 1:
            former = number - 1
        found = await service.changes(caller.tenant, definition_id, former=former, number=number)
        return ChangesView(
            former=former,
            later=number,
            changes=[
                ChangeView(path=change.path, kind=change.kind, message=change.message)
                for change in found[:MAX_CHANGES]
            ],
            omitted=max(0, len(found) - MAX_CHANGES),
        )

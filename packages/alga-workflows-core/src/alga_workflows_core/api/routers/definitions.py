"""Drafts, publishing, versions, validation."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from alga_workflows_core.api import openapi
from alga_workflows_core.api.access import Author, Reader
from alga_workflows_core.api.body import read_json, read_model
from alga_workflows_core.api.keyset import (
    DEFAULT_LIMIT,
    After,
    Limit,
    Page,
    decode_id,
    decode_number,
    encode,
)
from alga_workflows_core.catalogue.definitions import DefinitionService
from alga_workflows_core.definition.document import DEFINITION_ID, Definition
from alga_workflows_core.definition.model import Model, Prose
from alga_workflows_core.definition.strict_json import loads
from alga_workflows_core.storage.definitions import DefinitionRow, VersionRow
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import DefinitionState
from alga_workflows_core.validation.findings import Finding

DefinitionId = Annotated[str, Path(pattern=DEFINITION_ID)]
VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class DraftView(Model):
    """A draft as it was stored, and what is wrong with it."""

    draft: JsonObject
    hash: str
    findings: list[Finding]


class FindingsView(Model):
    """What is wrong with a document; empty if nothing is."""

    findings: list[Finding]


class Publish(Model):
    """`note` says why; it is kept with the version."""

    note: Annotated[Prose | None, Field(max_length=2000)] = None


class PublishedView(Model):
    """The version that holds the published content, and the sha256 of its canonical JSON."""

    version: int
    hash: str


class VersionView(Model):
    """A published version, which never changes."""

    version: int
    hash: str
    note: str | None
    published_at: datetime
    published_by: str


class VersionDocumentView(VersionView):
    """A published version with its document."""

    document: JsonObject


class DefinitionView(Model):
    """A definition; `activeVersion` is the one that new runs get."""

    id: str
    name: str
    state: DefinitionState
    active_version: int | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class DefinitionDraftView(DefinitionView):
    """A definition with its draft, which is null if there has never been one."""

    draft: JsonObject | None


def router(service: DefinitionService) -> APIRouter:
    """Endpoints over `service`."""
    routes = APIRouter(tags=["definitions"])
    _add_authoring(routes, service)
    _add_reading(routes, service)
    return routes


def _add_authoring(routes: APIRouter, service: DefinitionService) -> None:
    @routes.put("/definitions/{definition_id}/draft", openapi_extra=openapi.body(Definition))
    async def save_draft(
        definition_id: DefinitionId, request: Request, caller: Author
    ) -> DraftView:
        """Store the draft of a definition; findings do not hinder that."""
        saved = await service.save_draft(
            caller.tenant, definition_id, await read_json(request), by=caller.name
        )
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
    async def validate(request: Request, _caller: Reader) -> FindingsView:
        """What is wrong with a document, without storing it."""
        return FindingsView(findings=service.validate(await read_json(request)).findings)


def _add_reading(routes: APIRouter, service: DefinitionService) -> None:
    @routes.get("/definitions")
    async def list_definitions(
        caller: Reader, after: After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[DefinitionView]:
        """By id."""
        rows = await service.list(caller.tenant, after=decode_id(after), limit=limit + 1)
        return Page(
            items=[_definition(row) for row in rows[:limit]],
            next=encode(rows[limit - 1].id) if len(rows) > limit else None,
        )

    @routes.get("/definitions/{definition_id}")
    async def get_definition(definition_id: DefinitionId, caller: Reader) -> DefinitionDraftView:
        """One definition with its draft."""
        row = await service.get(caller.tenant, definition_id)
        draft = None if row.draft is None else loads(row.draft)
        return DefinitionDraftView(**_definition(row).model_dump(), draft=draft)

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
        return Page(
            items=[_version(row) for row in rows[:limit]],
            next=encode(str(rows[limit - 1].version)) if len(rows) > limit else None,
        )

    @routes.get("/definitions/{definition_id}/versions/{number}")
    async def get_version(
        definition_id: DefinitionId, number: VersionNumber, caller: Reader
    ) -> VersionDocumentView:
        """A published version with its document."""
        row = await service.version(caller.tenant, definition_id, number)
        return VersionDocumentView(**_version(row).model_dump(), document=row.parsed())


def _definition(row: DefinitionRow) -> DefinitionView:
    return DefinitionView(**{name: getattr(row, name) for name in DefinitionView.model_fields})


def _version(row: VersionRow) -> VersionView:
    return VersionView(**{name: getattr(row, name) for name in VersionView.model_fields})

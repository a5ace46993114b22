"""Drafts and published versions of definitions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import cast

import structlog

from alga_workflows_core.catalogue.actions import ActionCatalogue, actions_called
from alga_workflows_core.catalogue.called_workflows import calls_of, workflows_called
from alga_workflows_core.catalogue.draft_condition import require_draft
from alga_workflows_core.catalogue.event_uses import event_uses
from alga_workflows_core.catalogue.lifecycle import DefinitionLifecycle
from alga_workflows_core.catalogue.named_calendars import calendars_of
from alga_workflows_core.catalogue.named_events import events_of, known_events
from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.changes import Change, changes
from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.errors import (
    ConflictError,
    FindingsError,
    InputError,
    NotFoundError,
    TooLargeError,
)
from alga_workflows_core.storage.condition import Condition
from alga_workflows_core.storage.definitions import (
    DefinitionRow,
    NewVersion,
    VersionRow,
)
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import DefinitionState
from alga_workflows_core.types.strict_json import loads
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.findings import Code, Finding
from alga_workflows_core.validation.validate import UNSTORABLE, Validated, validate

log = structlog.get_logger()

_ID = re.compile(DEFINITION_ID)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """The draft as stored, and what is wrong with it."""

    document: JsonObject
    hash: str
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Published:
    """The version; `created` is false when it had the same content and was there already."""

    version: VersionRow
    created: bool


class DefinitionService:
    """Definitions of any tenant, named in each call, against its catalogue of actions.

    `lifecycle` changes their states.
    """

    def __init__(self, *, storage: Storage, actions: ActionCatalogue) -> None:
        self._storage = storage
        self._actions = actions
        self.lifecycle = DefinitionLifecycle(storage)

    async def validate(self, tenant: str, document: Json) -> Validated:
        """What is wrong with `document` for this tenant, without storing anything."""
        needs_rows = calls_of(document) or calendars_of(document) or events_of(document)
        if self._actions.has_all_of([document]) and not needs_rows:
            own = Catalogue(actions=self._actions.own, workflows={})
            return validate(document, own)
        async with self._storage.unit_of_work(tenant) as work:
            catalogue = await self._catalogue_for(document, work)
        return validate(document, catalogue)

    async def save_draft(
        self,
        tenant: str,
        definition_id: str,
        document: Json,
        *,
        by: str,
        condition: Condition | None = None,
    ) -> SavedDraft:
        """Store the draft, with whatever findings it has; what runs is not touched.

        InputError if it is not an object, is too large to store (TooLargeError), or has another
        `id`, or if `definition_id` is not one that a definition may have. DraftChangedError if the
        stored draft is not one that `condition` lets be replaced.
        """
        validated = await self.validate(tenant, document)
        members = _storable(definition_id, document, validated)
        saved = SavedDraft(members, document_hash(members), validated.findings)
        async with self._storage.unit_of_work(tenant) as work:
            if condition is not None:
                await require_draft(condition, work.definitions, definition_id, by=by)
            await work.definitions.save_draft(
                definition_id,
                name=_shown_name(members.get("name"), definition_id),
                draft=document_text(members),
                draft_hash=saved.hash,
                by=by,
            )
        log.info(
            f"Draft of {definition_id} saved with {len(saved.findings)} findings",
            action="definition.draft_saved",
            tenant=tenant,
            definition=definition_id,
        )
        return saved

    async def publish(
        self, tenant: str, definition_id: str, *, note: str | None, by: str
    ) -> Published:
        """Make the draft an immutable version and the active one.

        The same content again answers the version that has it. FindingsError if the draft has
        errors; ConflictError if there is no draft or the definition is archived or paused.
        """
        async with self._storage.unit_of_work(tenant) as work:
            definition = await work.definitions.get(definition_id, lock=True)
            if definition is None:
                raise _no_definition(definition_id)
            if definition.draft is None or definition.draft_hash is None:
                raise ConflictError(
                    f"Definition {definition_id!r} has no draft.",
                    code="NO_DRAFT",
                    remedy=f"PUT /api/v1/definitions/{definition_id}/draft first.",
                )
            _refuse_unless_open(definition)
            existing = await work.definitions.version_by_hash(definition_id, definition.draft_hash)
            if existing is not None:
                version, created = existing, False
            else:
                document = loads(definition.draft)
                # Nobody takes its calendars away before it is the active version.
                keep = calendars_of(document)
                catalogue = await self._catalogue_for(document, work, keep=keep)
                validated = validate(document, catalogue)
                called = catalogue.actions
                pinned = [called[key] for key in sorted(actions_called(document)) if key in called]
                new = _new_version(definition.draft, definition.draft_hash, validated, pinned, note)
                version = await work.definitions.add_version(definition_id, new, by=by)
                uses = [] if validated.definition is None else event_uses(validated.definition)
                await work.event_uses.add(definition_id, version.version, uses)
                created = True
            if definition.active_version != version.version:
                await work.definitions.activate(definition_id, version.version, by=by)
        log.info(
            f"{definition_id} {version.version} is published and active",
            action="definition.published",
            tenant=tenant,
            definition=definition_id,
            version=version.version,
            created=created,
        )
        return Published(version, created)

    async def get(self, tenant: str, definition_id: str) -> DefinitionRow:
        """NotFoundError if this tenant has no such definition."""
        async with self._storage.unit_of_work(tenant) as work:
            definition = await work.definitions.get(definition_id)
        if definition is None:
            raise _no_definition(definition_id)
        return definition

    async def list(self, tenant: str, *, after: str | None, limit: int) -> list[DefinitionRow]:
        """By id."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.definitions.list(after=after, limit=limit)

    async def version(self, tenant: str, definition_id: str, number: int) -> VersionRow:
        """NotFoundError if there is no such version."""
        async with self._storage.unit_of_work(tenant) as work:
            found = await work.definitions.version(definition_id, number)
        if found is None:
            raise NotFoundError(
                f"Definition {definition_id!r} has no version {number}.",
                remedy=f"GET /api/v1/definitions/{definition_id}/versions lists them.",
            )
        return found

    async def versions(
        self, tenant: str, definition_id: str, *, after: int | None, limit: int
    ) -> list[VersionRow]:
        """The newest first; NotFoundError if there is no such definition."""
        await self.get(tenant, definition_id)
        async with self._storage.unit_of_work(tenant) as work:
            return await work.definitions.versions(definition_id, after=after, limit=limit)

    async def changes(
        self, tenant: str, definition_id: str, *, former: int | None, number: int
    ) -> list[Change]:
        """What version `number` has changed in version `former`; None: in nothing.

        NotFoundError if there is no such version.
        """
        later = await self.version(tenant, definition_id, number)
        if former is None:
            return changes({}, later.parsed())
        return changes((await self.version(tenant, definition_id, former)).parsed(), later.parsed())

    async def _catalogue_for(
        self, document: Json, work: UnitOfWork, *, keep: Collection[str] = ()
    ) -> Catalogue:
        """What `document` may refer to, in the tenant whose unit of work this is. The calendars of
        `keep` stay until it ends."""
        return Catalogue(
            actions=await self._actions.called_by(work.advertised, [document]),
            workflows=await workflows_called(work.definitions, work.event_types, document),
            events=await known_events(work.event_types, document),
            calendars=await work.calendars.names(keep=keep),
        )


def _new_version(
    draft: str,
    draft_hash: str,
    validated: Validated,
    pinned: Iterable[ActionSpec],
    note: str | None,
) -> NewVersion:
    if not validated.publishable or validated.definition is None:
        raise FindingsError(
            "The draft has errors and cannot be published.",
            remedy="Correct what the findings name, save the draft and publish again.",
            details={
                "findings": [
                    finding.model_dump(mode="json", by_alias=True, exclude_none=True)
                    for finding in validated.findings
                ]
            },
        )
    return NewVersion(
        hash=draft_hash,
        document=draft,
        actions=[spec.pinned().model_dump(mode="json", by_alias=True) for spec in pinned],
        engine=ENGINE,
        expression_engine=f"jsonatapy {installed_version('jsonatapy')}",
        note=note,
    )


def _storable(definition_id: str, document: Json, validated: Validated) -> JsonObject:
    if not _ID.fullmatch(definition_id):
        raise InputError(
            f"{definition_id[:80]!r} cannot be the id of a definition.",
            code="DEFINITION_ID_INVALID",
            path="/id",
            remedy=f"It has to match {DEFINITION_ID}.",
        )
    for finding in validated.findings:
        if finding.code in UNSTORABLE:
            kind = TooLargeError if finding.code is Code.DOCUMENT_TOO_LARGE else InputError
            raise kind(
                finding.message,
                code=finding.code,
                path=finding.path or None,
                remedy=finding.suggestion,
            )
    members = cast("JsonObject", document)
    if members.get("id") != definition_id:
        written = f"has the id {members['id']!r:.80}" if "id" in members else "has no id"
        raise InputError(
            f"The document {written}, but the address says {definition_id!r}.",
            code="ID_MISMATCH",
            path="/id",
            remedy="Make them equal.",
        )
    return members


def _shown_name(name: Json, definition_id: str) -> str:
    """What lists show: the draft's name, which may be unfit as yet, or else its id."""
    shown = _CONTROL.sub(" ", name[:200]).strip() if isinstance(name, str) else ""
    return shown or definition_id


def _refuse_unless_open(definition: DefinitionRow) -> None:
    if definition.state not in (DefinitionState.DRAFT, DefinitionState.ACTIVE):
        raise ConflictError(
            f"Definition {definition.id!r} is {definition.state}.",
            code="DEFINITION_NOT_ACTIVE",
            remedy="Activate it before you publish.",
        )


def _no_definition(definition_id: str) -> NotFoundError:
    return NotFoundError(
        f"There is no definition {definition_id!r}.",
        remedy="GET /api/v1/definitions lists them.",
    )

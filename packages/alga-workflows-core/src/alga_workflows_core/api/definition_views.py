"""What the endpoints of definitions take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from alga_workflows_core.definition.changes import ChangeKind
from alga_workflows_core.storage.definitions import DefinitionRow, VersionRow
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model, Prose
from alga_workflows_core.types.states import DefinitionState
from alga_workflows_core.validation.findings import Finding


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


class Activate(Model):
    """`version` becomes the active one; without it, the one that was active last."""

    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class StateChange(Model):
    """There is nothing to say; the body may also be left out."""


class ChangeView(Model):
    """One difference in a sentence.

    `path` is a JSON Pointer into the later document; for what was removed, into the former one.
    """

    path: str
    kind: ChangeKind
    message: str


class ChangesView(Model):
    """The first 200 differences between two versions, and how many more there are.

    `from` is null when there is no version before: then all is new.
    """

    former: Annotated[int | None, Field(alias="from")]
    later: Annotated[int, Field(alias="to")]
    changes: list[ChangeView]
    omitted: int


def definition_view(row: DefinitionRow) -> DefinitionView:
    """`row` without its draft."""
    return DefinitionView(**{name: getattr(row, name) for name in DefinitionView.model_fields})


def version_view(row: VersionRow) -> VersionView:
    """`row` without its document."""
    return VersionView(**{name: getattr(row, name) for name in VersionView.model_fields})

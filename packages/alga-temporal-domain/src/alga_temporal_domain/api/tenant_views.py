"""What the API shows of tenants, and what it is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from alga_temporal_domain.storage.tenant_records import DeletionRow, ExportRow
from alga_temporal_domain.storage.tenants import TenantRow
from alga_temporal_domain.tenants.contracts import (
    After,
    DeletionState,
    NewAdmin,
    Reason,
    TenantId,
)
from alga_temporal_domain.tenants.passwords import LEAST_CHARACTERS, MOST_CHARACTERS
from alga_workflows_core.types.model import Line, Model, Prose


class NewTenant(Model):
    """A tenant to be. `id` absent: one that is made of the Idempotency-Key."""

    id: TenantId | None = None
    name: Annotated[Line, Field(min_length=1, max_length=255)]
    admin: NewAdmin


class TenantView(Model):
    """A tenant; of one that was deleted the name is empty."""

    id: str
    name: str
    state: str
    created_by: str
    created_at: datetime
    suspended_at: datetime | None
    deleted_at: datetime | None


class Because(Model):
    """Why it is asked for."""

    reason: Reason = None


class WelcomeWish(Model):
    """To whom; absent: the first admin."""

    user_id: UUID | None = None


class ResumeWish(Model):
    """`skip`: without the step that has failed; hooks and the welcome only."""

    skip: bool = False


class CompensateWish(Model):
    """`confirm`: the tenant's id."""

    confirm: str


class ConfirmWish(Model):
    """How long from now."""

    after: After


class GivenReason(Model):
    """Why; it is kept."""

    reason: Annotated[Prose, Field(min_length=1, max_length=2000)]


class WaiveWish(GivenReason):
    """The step to go on without, and why that is right."""

    step: Literal["export", "hooks"]


class NewPassword(Model):
    """A token as a link has it, and the password."""

    token: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=LEAST_CHARACTERS, max_length=MOST_CHARACTERS)]


class StartedView(Model):
    """What was begun."""

    id: UUID


class ExportView(Model):
    """An export. `sha256`: of its manifest."""

    id: UUID
    state: str
    requested_by: str
    reason: str | None
    place: str | None
    tables: int | None
    rows: int | None
    bytes: int | None
    sha256: str | None
    error: str | None
    started_at: datetime
    ended_at: datetime | None


class ExportsView(Model):
    """The latest ones first."""

    items: list[ExportView]


class DeletionView(Model):
    """A deletion as its row has it, and as its workflow has it while there is one."""

    id: UUID
    state: str
    requested_by: str
    reason: str | None
    due_at: datetime | None
    confirmed_by: str | None
    export_id: UUID | None
    export_sha256: str | None
    waived_by: str | None
    waived_reason: str | None
    rows_deleted: int | None
    error: str | None
    begun_at: datetime
    ended_at: datetime | None
    run: DeletionState | None


def tenant_view(row: TenantRow) -> TenantView:
    """What people see of a tenant."""
    same = set(TenantView.model_fields) - {"id"}
    return TenantView(id=row.tenant, **{name: getattr(row, name) for name in same})


def export_view(row: ExportRow) -> ExportView:
    """What people see of an export."""
    return ExportView(**{name: getattr(row, name) for name in ExportView.model_fields})


def deletion_view(row: DeletionRow, run: DeletionState | None) -> DeletionView:
    """What people see of a deletion."""
    same = set(DeletionView.model_fields) - {"run"}
    return DeletionView(run=run, **{name: getattr(row, name) for name in same})

"""What workflows and activities of tenants are given, answer, and show. No secret is in any."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from alga_workflows_core.types.identifiers import TENANT
from alga_workflows_core.types.model import Line, Model, Prose

TenantId = Annotated[str, Field(pattern=TENANT)]
Actor = Annotated[Line, Field(min_length=1, max_length=200)]
Reason = Annotated[Prose | None, Field(max_length=2000)]
Key = Annotated[Line, Field(min_length=1, max_length=200)]
Address = Annotated[Line, Field(pattern=r"^[^@\s,<>]+@[^@\s,<>]+$", max_length=254)]

After = Literal["immediate", "30_days", "90_days"]
"""How long after a confirmation a tenant is deleted."""

CreationStep = Literal["tenant", "seeds", "admin", "activation", "hooks", "welcome"]
Phase = Literal["begin", "export", "hooks", "wait", "erase", "rollback"]


class NewAdmin(Model):
    """The first user of a tenant."""

    first_name: Annotated[Line, Field(min_length=1, max_length=200)]
    last_name: Annotated[Line, Field(min_length=1, max_length=200)]
    email: Address


class CreateTenant(Model):
    """A tenant to be. `content_hash`: of what was asked for. What a former execution hands on:
    steps that are `done` or `skipped`, the `error` that it waits with, whether it is `undoing`."""

    tenant_id: TenantId
    name: Annotated[Line, Field(min_length=1, max_length=255)]
    admin: NewAdmin
    key: Key
    content_hash: str
    requested_by: Actor
    done: tuple[CreationStep, ...] = ()
    skipped: tuple[CreationStep, ...] = ()
    error: str | None = None
    undoing: bool = False


class CreationState(Model):
    """How far a tenant is. `waiting`: a step has failed, and an operator decides."""

    tenant_id: str
    status: Literal["running", "waiting", "done", "compensating", "compensated"]
    step: CreationStep | None
    done: tuple[CreationStep, ...]
    skipped: tuple[CreationStep, ...]
    error: str | None


class ResumeCreation(Model):
    """Try the step that has failed again, or go on without it: hooks and the welcome only."""

    by: Actor
    skip: bool = False


class CompensateCreation(Model):
    """Undo what was done, in reverse. `confirm` is the tenant's id, so that nobody does it by
    mistake."""

    by: Actor
    confirm: str


class Welcome(Model):
    """A welcome to a user, the first admin without one. The same `key` sends it once."""

    tenant_id: TenantId
    user_id: UUID | None = None
    key: Key
    requested_by: Actor


class Welcomed(Model):
    """Who got one. False: had got it before."""

    user_id: UUID
    sent: bool


class Suspend(Model):
    """A tenant to suspend or to resume. `suspension`: what its users are remembered by."""

    tenant_id: TenantId
    suspension: UUID
    requested_by: Actor
    reason: Reason = None


class Suspended(Model):
    """The state afterwards, and how many users were deactivated or given back."""

    state: str
    users: int


class ExportTenant(Model):
    """All rows of a tenant, to be written down."""

    tenant_id: TenantId
    export_id: UUID
    requested_by: Actor
    reason: Reason = None


class Exported(Model):
    """An export that is complete. `sha256`: of its manifest, which has those of its files."""

    export_id: UUID
    place: str
    tables: int
    rows: int
    bytes: int
    sha256: str


class Waiver(Model):
    """Somebody answers for going on without a step."""

    step: Literal["export", "hooks"]
    by: Actor
    reason: Annotated[Prose, Field(min_length=1, max_length=2000)]


class DeletionProgress(Model):
    """How far a deletion is; an execution hands it to the next one.

    `reminded`: days before `due_at` for which reminders were sent. `paused_at`: the clock stands.
    """

    phase: Phase = "begin"
    due_at: datetime | None = None
    paused_at: datetime | None = None
    confirmed_by: str | None = None
    reminded: tuple[int, ...] = ()
    exported: Exported | None = None
    waivers: tuple[Waiver, ...] = ()
    warnings: tuple[str, ...] = ()
    rows_deleted: int = 0
    error: str | None = None
    rolled_back_by: str | None = None
    rollback_reason: str | None = None


class DeleteTenant(Model):
    """A tenant to be deleted: after `silent_days`, unless it is confirmed or rolled back before.
    `events`: go on in a new execution after so many; 0: when Temporal suggests it."""

    tenant_id: TenantId
    deletion_id: UUID
    requested_by: Actor
    reason: Reason = None
    silent_days: Annotated[int, Field(ge=2, le=3650)] = 90
    events: Annotated[int, Field(ge=0)] = 0
    progress: DeletionProgress = DeletionProgress()


class DeletionState(Model):
    """What is shown of a deletion. `attention`: a step has failed, and an operator decides."""

    deletion_id: UUID
    tenant_id: str
    status: Literal["running", "attention", "waiting", "paused", "deleted", "rolled_back"]
    progress: DeletionProgress


class Confirm(Model):
    """Delete the tenant so long from now."""

    after: After
    by: Actor


class Rollback(Model):
    """Keep the tenant after all."""

    by: Actor
    reason: Annotated[Prose, Field(min_length=1, max_length=2000)]


class Decision(Model):
    """Who wants it."""

    by: Actor


class Told(Model):
    """Something that others are told once. `event` as in `tenant.created`."""

    tenant_id: TenantId
    event: str
    key: Key


class OfTenant(Model):
    """A tenant, and who has asked."""

    tenant_id: TenantId
    requested_by: Actor = "system"


class OfDeletion(Model):
    """A deletion with what is to be noted of it; what is null stays."""

    tenant_id: TenantId
    deletion_id: UUID
    state: str | None = None
    due_at: datetime | None = None
    confirmed_by: str | None = None
    export_id: UUID | None = None
    export_sha256: str | None = None
    waiver: Waiver | None = None
    rows_deleted: int | None = None
    error: str | None = None


class BeginDeletion(Model):
    """A deletion that is to have its row."""

    tenant_id: TenantId
    deletion_id: UUID
    requested_by: Actor
    reason: Reason = None


class Remind(Model):
    """Tell a tenant's admins that it will be deleted in so many days."""

    tenant_id: TenantId
    deletion_id: UUID
    days: int
    due_at: datetime


class FailedExport(Model):
    """An export that came to nothing."""

    tenant_id: TenantId
    export_id: UUID
    error: str


class Erased(Model):
    """How many rows are gone."""

    rows: int

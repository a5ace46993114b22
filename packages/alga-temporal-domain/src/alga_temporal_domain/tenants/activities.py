"""What becomes of a tenant's rows and people, one transaction or message each."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from temporalio import activity

from alga_temporal_domain.mail.port import Mail, MailError
from alga_temporal_domain.storage.tenant_users import TenantUserRow
from alga_temporal_domain.storage.tenants import TenantRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage, UnitOfWork
from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import (
    CreateTenant,
    OfTenant,
    Suspend,
    Suspended,
    Told,
    Welcome,
    Welcomed,
)
from alga_temporal_domain.tenants.messages import set_password_link, welcome
from alga_temporal_domain.tenants.passwords import new_link
from alga_temporal_domain.tenants.ports import TenantEvent, TenantHooks
from alga_temporal_domain.tenants.refusals import refusals
from alga_temporal_domain.tenants.seeds import Seeding
from alga_workflows_core.errors import ConflictError, NotFoundError

_ADMINS = UUID("6f1f6b0a-7e0f-5a0e-9b52-0c7c3a1d9e44")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantActivities:
    """Of creation, welcome, suspension. Each may run again after it has been done, and then does
    nothing more."""

    storage: DomainStorage
    mail: Mail | None
    application_url: str
    hooks: TenantHooks
    seeding: Seeding

    @activity.defn(name=names.ADD_TENANT)
    async def add_tenant(self, given: CreateTenant) -> None:
        """The tenant's row. ConflictError TENANT_EXISTS if it was made under another key."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.add(
                    name=given.name,
                    key=given.key,
                    content_hash=given.content_hash,
                    actor=given.requested_by,
                )
                row = await found(work, lock=True)
                if row.creation_key != given.key:
                    raise ConflictError(
                        f"There is a tenant {given.tenant_id} already.", code="TENANT_EXISTS"
                    )
                if row.state == "failed":
                    await work.tenants.move("creating")

    @activity.defn(name=names.APPLY_SEEDS)
    async def apply_seeds(self, given: OfTenant) -> None:
        """What every tenant begins with."""
        with refusals():
            await self.seeding.apply(given.tenant_id)

    @activity.defn(name=names.ADD_ADMIN)
    async def add_admin(self, given: CreateTenant) -> None:
        """The first user, who has no password yet."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.users.add(
                    first_admin(given.tenant_id),
                    email=given.admin.email,
                    first_name=given.admin.first_name,
                    last_name=given.admin.last_name,
                    role="admin",
                )

    @activity.defn(name=names.ACTIVATE_TENANT)
    async def activate_tenant(self, given: OfTenant) -> None:
        """The tenant works."""
        await self._move(given.tenant_id, "active")

    @activity.defn(name=names.FAIL_TENANT)
    async def fail_tenant(self, given: OfTenant) -> None:
        """Its creation has come to a stop; an active tenant stays so."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await work.tenants.get(lock=True)
                if row is not None and row.state == "creating":
                    await work.tenants.move("failed")

    @activity.defn(name=names.RETIRE_ADMIN)
    async def retire_admin(self, given: OfTenant) -> None:
        """Undo of the first user: inactive, and its links are worth nothing; so is the tenant."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.users.retire(first_admin(given.tenant_id))
                row = await work.tenants.get(lock=True)
                if row is not None and row.state in ("creating", "active"):
                    await work.tenants.move("failed")

    @activity.defn(name=names.TELL_HOOKS)
    async def tell_hooks(self, given: Told) -> None:
        """Tell others once, and note it in the ledger."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                if await work.tenants.ledger.has(given.key):
                    return
                row = await found(work)
                admins = await active_admins(work)
            # What others need to know of people goes to them from the rows, not by histories.
            event = TenantEvent(
                id=f"{given.tenant_id}:{given.key}",
                type=given.event,
                tenant=given.tenant_id,
                data={"name": row.name, "state": row.state, "admins": [a.email for a in admins]},
            )
            await self.hooks.tell(event)
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.ledger.add(given.key, given.event, None)

    @activity.defn(name=names.SEND_WELCOME)
    async def send_welcome(self, given: Welcome) -> Welcomed:
        """A new link by mail. Whatever the user could log in with before still holds."""
        with refusals():
            mail = configured(self.mail)
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await found(work)
                user = await _recipient(work, given.user_id)
                if await work.tenants.ledger.has(given.key):
                    return Welcomed(user_id=user.id, sent=False)
                token = await new_link(work, user.id)
            message = welcome(
                to=user.email,
                first_name=user.first_name,
                tenant_name=row.name,
                link=set_password_link(self.application_url, token),
                key=f"{given.tenant_id}:{given.key}",
            )
            message_id = await mail.send(message)
            async with self.storage.unit_of_work(given.tenant_id) as work:
                await work.tenants.ledger.add(given.key, "mail.welcome", message_id)
            return Welcomed(user_id=user.id, sent=True)

    @activity.defn(name=names.SUSPEND_TENANT)
    async def suspend_tenant(self, given: Suspend) -> Suspended:
        """Deactivate its users, and remember which."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await found(work, lock=True)
                if row.state == "suspended":
                    return Suspended(state=row.state, users=0)
                await work.tenants.move("suspended")
                await work.tenants.set_suspension(given.suspension)
                users = await work.tenants.users.take(given.suspension)
                return Suspended(state="suspended", users=users)

    @activity.defn(name=names.RESUME_TENANT)
    async def resume_tenant(self, given: OfTenant) -> Suspended:
        """Give back those users that its suspension has deactivated."""
        with refusals():
            async with self.storage.unit_of_work(given.tenant_id) as work:
                row = await found(work, lock=True)
                if row.state == "active":
                    return Suspended(state=row.state, users=0)
                await work.tenants.move("active")
                return Suspended(state="active", users=await give_back(work, row))

    async def _move(self, tenant: str, state: str) -> None:
        with refusals():
            async with self.storage.unit_of_work(tenant) as work:
                await found(work, lock=True)
                await work.tenants.move(state)


def first_admin(tenant: str) -> UUID:
    """The id of the user that a tenant begins with."""
    return uuid5(_ADMINS, tenant)


async def found(work: UnitOfWork, *, lock: bool = False) -> TenantRow:
    """The tenant's row. NotFoundError if there is none."""
    row = await work.tenants.get(lock=lock)
    if row is None:
        raise NotFoundError(
            f"There is no tenant {work.tenant}.", remedy="GET /v1/tenants lists them."
        )
    return row


async def give_back(work: UnitOfWork, row: TenantRow) -> int:
    """End the suspension of a tenant; how many users are active again."""
    if row.suspension is None:
        return 0
    users = await work.tenants.users.give_back(row.suspension)
    await work.tenants.set_suspension(None)
    return users


async def active_admins(work: UnitOfWork) -> list[TenantUserRow]:
    """Those who can be told something, also while the tenant is suspended."""
    return [
        user
        for user in await work.tenants.users.list()
        if user.role == "admin" and (user.is_active or user.suspended_by is not None)
    ]


def configured(mail: Mail | None) -> Mail:
    """MailError MAIL_NOT_CONFIGURED without one."""
    if mail is None:
        raise MailError(
            "No mail can be sent: set WORKER_MAIL_URL or WORKER_MAIL_FOLDER.",
            code="MAIL_NOT_CONFIGURED",
        )
    return mail


async def _recipient(work: UnitOfWork, user_id: UUID | None) -> TenantUserRow:
    users = work.tenants.users
    if user_id is not None:
        user = await users.get(user_id)
        candidates = [] if user is None else [user]
    else:
        candidates = await active_admins(work)
    active = [user for user in candidates if user.is_active]
    if not active:
        raise NotFoundError(
            f"The tenant {work.tenant} has no such active user.",
            code="USER_NOT_FOUND",
            remedy="Name an active user, or resume the tenant.",
        )
    return active[0]

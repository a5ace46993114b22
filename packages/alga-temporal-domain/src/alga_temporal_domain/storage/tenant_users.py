"""Rows of tenants' users, and of the links with which they set passwords."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_temporal_domain.storage.rows import read
from alga_workflows_core.errors import ConflictError

_COLUMNS = "id, email, first_name, last_name, role, is_active, suspended_by, created_at"

_ADD = text("""
    INSERT INTO tenant_users (tenant, id, email, first_name, last_name, role)
    VALUES (:tenant, :id, :email, :first_name, :last_name, :role)
    ON CONFLICT (tenant, id) DO NOTHING
""")
_LIST = text(f"""
    SELECT {_COLUMNS} FROM tenant_users WHERE tenant = :tenant
      AND (CAST(:id AS uuid) IS NULL OR id = :id) ORDER BY created_at, id
""")  # noqa: S608 (the columns above)
_ACTIVATE = text("""
    UPDATE tenant_users SET is_active = :active, suspended_by = NULL
    WHERE tenant = :tenant AND id = :id RETURNING id
""")
_TAKE = text("""
    UPDATE tenant_users SET is_active = false, suspended_by = :suspension
    WHERE tenant = :tenant AND is_active
""")
_GIVE_BACK = text("""
    UPDATE tenant_users SET is_active = true, suspended_by = NULL
    WHERE tenant = :tenant AND suspended_by = :suspension
""")
_REMOVE = text("""
    UPDATE tenant_users SET is_active = false, suspended_by = NULL, password_hash = NULL
    WHERE tenant = :tenant AND id = :id
""")
_ADD_LINK = text("""
    INSERT INTO tenant_set_password_links (tenant, id, user_id, hash, expires_at)
    VALUES (:tenant, :id, :user_id, :hash, clock_timestamp() + :valid)
""")
_LINK = text("""
    SELECT l.user_id FROM tenant_set_password_links l
    JOIN tenant_users u ON u.tenant = l.tenant AND u.id = l.user_id AND u.is_active
    WHERE l.tenant = :tenant AND l.hash = :hash AND l.used_at IS NULL
      AND l.expires_at > clock_timestamp()
    FOR UPDATE OF l, u
""")
_USE_LINKS = text("""
    UPDATE tenant_set_password_links SET used_at = clock_timestamp()
    WHERE tenant = :tenant AND user_id = :user_id AND used_at IS NULL
""")
_SET_PASSWORD = text("""
    UPDATE tenant_users SET password_hash = :hash, password_set_at = clock_timestamp()
    WHERE tenant = :tenant AND id = :id
""")
_PASSWORD = text("""
    SELECT password_hash FROM tenant_users WHERE tenant = :tenant AND id = :id AND is_active
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantUserRow:
    """A user. `suspended_by`: what has deactivated it together with its tenant."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    role: str
    is_active: bool
    suspended_by: UUID | None
    created_at: datetime


class TenantUsers:
    """The users of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def add(
        self, user_id: UUID, *, email: str, first_name: str, last_name: str, role: str
    ) -> None:
        """A user; nothing if this id is there. ConflictError if the address is another user's."""
        names = {"email": email, "first_name": first_name, "last_name": last_name, "role": role}
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(_ADD, self._of(id=user_id, **names))
        except IntegrityError as error:
            raise ConflictError(
                "The tenant has a user with this address already.", code="USER_EXISTS"
            ) from error

    async def list(self) -> list[TenantUserRow]:
        """All of them, the first one first."""
        rows = await self._connection.execute(_LIST, self._of(id=None))
        return [read(TenantUserRow, row) for row in rows]

    async def get(self, user_id: UUID) -> TenantUserRow | None:
        """One of them."""
        row = (await self._connection.execute(_LIST, self._of(id=user_id))).one_or_none()
        return None if row is None else read(TenantUserRow, row)

    async def activate(self, user_id: UUID, *, active: bool) -> bool:
        """Whether there is such a user. What a suspension remembers of it is forgotten."""
        done = await self._connection.execute(_ACTIVATE, self._of(id=user_id, active=active))
        return done.one_or_none() is not None

    async def take(self, suspension: UUID) -> int:
        """Deactivate those who are active, and remember them; how many."""
        return (await self._connection.execute(_TAKE, self._of(suspension=suspension))).rowcount

    async def give_back(self, suspension: UUID) -> int:
        """Activate those whom this suspension has deactivated, and nobody else; how many."""
        given = await self._connection.execute(_GIVE_BACK, self._of(suspension=suspension))
        return given.rowcount

    async def retire(self, user_id: UUID) -> None:
        """Deactivate a user for good; its links and its password are worth nothing any more."""
        await self._connection.execute(_USE_LINKS, self._of(user_id=user_id))
        await self._connection.execute(_REMOVE, self._of(id=user_id))

    async def add_link(
        self, link_id: UUID, *, user_id: UUID, link_hash: str, valid: timedelta
    ) -> None:
        """A link that holds so long from now."""
        values = {"id": link_id, "user_id": user_id, "hash": link_hash, "valid": valid}
        await self._connection.execute(_ADD_LINK, self._of(**values))

    async def link(self, link_hash: str) -> UUID | None:
        """Whose link it is, if it can be used: an active user's, not used, not over. Locked."""
        row = (await self._connection.execute(_LINK, self._of(hash=link_hash))).one_or_none()
        return None if row is None else row.user_id

    async def set_password(self, user_id: UUID, password_hash: str) -> None:
        """Set it, and use up every link of the user."""
        await self._connection.execute(_USE_LINKS, self._of(user_id=user_id))
        await self._connection.execute(_SET_PASSWORD, self._of(id=user_id, hash=password_hash))

    async def password_hash(self, user_id: UUID) -> str | None:
        """Of an active user that has set one."""
        found = await self._connection.execute(_PASSWORD, self._of(id=user_id))
        return found.scalar_one_or_none()

    def _of(self, **more: object) -> dict[str, object]:
        return {"tenant": self._tenant, **more}

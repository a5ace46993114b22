"""Links with which users set a password, and passwords themselves. Only hashes are kept."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from uuid import UUID, uuid4

from alga_temporal_domain.storage.tenants_across import tenant_of_link
from alga_temporal_domain.storage.unit_of_work import DomainStorage, UnitOfWork
from alga_workflows_core.errors import InputError

VALID = timedelta(hours=72)
LEAST_CHARACTERS = 12
MOST_CHARACTERS = 1024

# 32 MiB and some tens of milliseconds for each try.
_LOG_N, _R, _P = 15, 8, 1
_MEMORY = 64 * 1024 * 1024
_AT_A_TIME = 2


async def new_link(work: UnitOfWork, user_id: UUID) -> str:
    """A token for 72 hours and one use. Other links of the user stay as they are."""
    token = secrets.token_urlsafe(32)
    await work.tenants.users.add_link(
        uuid4(), user_id=user_id, link_hash=_token_hash(token), valid=VALID
    )
    return token


class PasswordDesk:
    """Where the holder of a link sets a password."""

    def __init__(self, storage: DomainStorage) -> None:
        self._storage = storage
        self._hashing = asyncio.Semaphore(_AT_A_TIME)

    async def set_password(self, token: str, password: str) -> None:
        """Use the link up, and every other one of that user. InputError LINK_INVALID for one that
        is unknown, used, over, or of a user who is not active."""
        link = _token_hash(token)
        tenant = await tenant_of_link(self._storage, link)
        if tenant is None:
            raise _invalid()
        async with self._storage.unit_of_work(tenant) as work:
            if await work.tenants.users.link(link) is None:
                raise _invalid()
        async with self._hashing:
            hashed = await asyncio.to_thread(password_hash, password)
        async with self._storage.unit_of_work(tenant) as work:
            user_id = await work.tenants.users.link(link)
            if user_id is None:
                raise _invalid()
            await work.tenants.users.set_password(user_id, hashed)


def password_hash(password: str) -> str:
    """`$scrypt$ln=…,r=…,p=…$<salt>$<hash>`, base64 without padding."""
    salt = secrets.token_bytes(16)
    made = _scrypt(password, salt, _LOG_N, _R, _P)
    return f"$scrypt$ln={_LOG_N},r={_R},p={_P}${_base64(salt)}${_base64(made)}"


def is_password(password: str, hashed: str) -> bool:
    """Whether this is the password that was hashed."""
    _, _, settings, salt, wanted = hashed.split("$")
    log_n, r, p = (int(one.partition("=")[2]) for one in settings.split(","))
    made = _scrypt(password, base64.b64decode(salt + "=="), log_n, r, p)
    return hmac.compare_digest(_base64(made), wanted)


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    given = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(given, salt=salt, n=2**log_n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")


def _token_hash(token: str) -> str:
    # A plain sha256 is enough: tokens are random, not chosen by people.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _invalid() -> InputError:
    return InputError(
        "This link is not, or no longer, valid.",
        code="LINK_INVALID",
        path="/token",
        remedy="Ask for a new one.",
    )

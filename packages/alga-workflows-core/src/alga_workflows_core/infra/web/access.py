"""Who may ask for what: bearer keys with roles; under `dev` also anybody on loopback."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol, TypeAlias

from fastapi import Depends, Request

from alga_workflows_core.errors import AccessError
from alga_workflows_core.infra.auth import KeyHolder, Principal, Role, hash_key

_LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")


class Access(Protocol):
    """Decides who a request comes from."""

    async def principal(self, request: Request) -> Principal:
        """AccessError if nobody can be told."""
        ...


class Keys(Protocol):
    """Where the hashes of API keys are kept."""

    async def authenticate(self, key_hash: str) -> KeyHolder | None:
        """The holder of the key with this hash, unless it was revoked."""
        ...


class KeyAccess:
    """Every request needs `Authorization: Bearer <key>`. `command` makes keys."""

    def __init__(self, keys: Keys, *, command: str) -> None:
        self._keys = keys
        self._command = command

    async def principal(self, request: Request) -> Principal:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise AccessError(
                "This needs an API key.",
                authenticated=False,
                remedy=f"Send it as `Authorization: Bearer <key>`; `{self._command}` makes one.",
            )
        holder = await self._keys.authenticate(hash_key(key.strip()))
        if holder is None:
            raise AccessError(
                "This API key is unknown or was revoked.",
                authenticated=False,
                remedy="Ask an admin for a new one.",
            )
        return Principal(holder.tenant, f"key:{holder.key_id}", Role.of(holder.role))


class DevAccess:
    """Also without a key, but only from this machine, and only when addressed by a loopback name.

    The name is checked because a web page elsewhere can make a browser send requests here; the
    `Host` and `Origin` that it sends give it away.
    """

    def __init__(self, keys: KeyAccess, *, tenant: str) -> None:
        self._keys = keys
        self._open = Principal(tenant, "dev", Role.ADMIN)

    async def principal(self, request: Request) -> Principal:
        if "authorization" in request.headers or not is_from_this_machine(request):
            return await self._keys.principal(request)
        return self._open


def is_from_this_machine(request: Request) -> bool:
    """Whether the peer is loopback, no proxy spoke for somebody else, and no foreign page asks."""
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via")):
        return False
    # The header itself: the framework falls back to our own address where it cannot be read.
    hosts = [host.lower() for host in request.headers.getlist("host")]
    if len(hosts) != 1 or not _LOOPBACK_HOST.fullmatch(hosts[0]):
        return False
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{hosts[0]}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency: the caller, if its role is `role` or higher; AccessError otherwise."""

    async def dependency(request: Request) -> Principal:
        access: Access = request.app.state.access
        principal = await access.principal(request)
        if principal.role < role:
            raise AccessError(
                f"This needs the role {role.label}; the key has {principal.role.label}.",
                authenticated=True,
                remedy="Use a key with that role.",
            )
        return principal

    return dependency


Reader: TypeAlias = Annotated[Principal, Depends(require(Role.READER))]
Operator: TypeAlias = Annotated[Principal, Depends(require(Role.OPERATOR))]
Author: TypeAlias = Annotated[Principal, Depends(require(Role.AUTHOR))]
Admin: TypeAlias = Annotated[Principal, Depends(require(Role.ADMIN))]

"""TCP connections that go only to addresses that a policy permits.

The host is resolved here, every address is judged, and the connection is opened to an address that
was judged: no second lookup lies between check and connect.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import TypeAlias, cast

import httpcore
import structlog

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.egress.addresses import AddressPolicy, IPAddress

log = structlog.get_logger()

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[IPAddress]]]
"""The addresses of a host for a port, best first. OSError or ValueError if there are none."""

_MAX_ATTEMPTS = 4


class AddressRefusedError(AlgaError):
    """The host is, or resolves to, an address that must not be reached."""

    code = "HTTP_ADDRESS_REFUSED"


class ResolutionError(AlgaError):
    """The host name has no address, or the name service did not say."""

    code = "HTTP_DNS"


async def system_resolve(host: str, port: int) -> Sequence[IPAddress]:
    """The addresses that the operating system knows for `host`, in its order of preference."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return tuple(dict.fromkeys(ip_address(str(sockaddr[0])) for *_, sockaddr in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to permitted addresses and nothing else; owns what it opened.

    Raises AddressRefusedError when any address of the host is not permitted (a host that mixes
    public and private ones is a trap), ResolutionError when it has none, else what httpcore raises.
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        # The cast: to a type checker without anyio this name is only a class that refuses to work.
        self._sockets = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._opened: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        addresses = (await self._permitted(host, port, deadline))[:_MAX_ATTEMPTS]
        for number, address in enumerate(addresses, start=1):
            left = len(addresses) - number
            # An address that does not answer must leave time for the ones after it.
            share = None if deadline is None else (deadline - loop.time()) / (left + 1)
            try:
                stream = await self._sockets.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 0:
                    raise
            else:
                self._opened.append(stream)
                return stream
        raise ResolutionError(f"The host name {host} has no address.")

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the signature is httpcore's
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefusedError("UNIX sockets may not be reached.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        """Close every connection that was opened, even if the caller is cancelled meanwhile."""
        opened, self._opened = self._opened, []
        await asyncio.shield(asyncio.gather(*(stream.aclose() for stream in opened)))

    async def _permitted(self, host: str, port: int, deadline: float | None) -> Sequence[IPAddress]:
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"looking up {host} took too long") from None
        except (OSError, ValueError, OverflowError) as error:
            raise ResolutionError(f"The host name {host} could not be resolved.") from error
        for address in addresses:
            if not self._policy.permits(address):
                # Only operators learn the address: authors could map the inner network with it.
                log.warning(
                    "An outgoing connection was refused",
                    action="egress.refuse",
                    host=host,
                    address=str(address),
                )
                raise AddressRefusedError(
                    f"The host {host} is not at a public address.",
                    remedy="Use a public host, or let an operator add its network to"
                    " WORKFLOW_HTTP_ALLOW.",
                )
        return addresses

"""The HTTP server as a supervised service. Needs the extra `[api]` (uvicorn)."""

from __future__ import annotations

import asyncio
import errno
import math
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.asgi import ASGIApp

_BACKLOG = 2048
_CLEAN_UP_SECONDS = 1.0


class HttpServer:
    """Serves `app` on `host`:`port` (0: a free port) as a supervised service.

    `port_setting`: the variable that people set it by. When it stops, requests under way get
    `grace` seconds (rounded up to whole ones). `port` and `url` are known once it is ready. The
    application gets no lifespan events: whoever composes the process starts and stops things as
    services.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        grace: float = 5.0,
        name: str = "http",
        port_setting: str = "PORT",
    ) -> None:
        self.name = name
        self._app = app
        self._host = host
        self._port = port
        self._port_setting = port_setting
        self._grace = math.ceil(grace)
        self._stopping = False
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The port that is bound; before that, the one that was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """Where this machine reaches the server, without a trailing slash."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self._host, self._host)  # noqa: S104
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until stopped; AlgaError if the address cannot be bound."""
        listener = await _listen(self._host, self._port, self._port_setting)
        # Kept for a restart: who was told the address must find the server there again.
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            # The peer is who it is: a forwarded address must not pass for loopback.
            proxy_headers=False,
            timeout_graceful_shutdown=self._grace,
        )
        self._server = _Server(config, ready)
        self._server.should_exit = self._stopping
        try:
            await self._server.serve(sockets=[listener])
        finally:
            await self._server.close()
            listener.close()

    async def stop(self) -> None:
        self._stopping = True
        if self._server is not None:
            self._server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, and with word of being ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.servers: list[asyncio.Server] = []

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()

    async def close(self) -> None:
        """Close what is still open after a deadline or a cancellation; at once otherwise."""
        for server in self.servers:
            server.close()
        left = {task for task in self.server_state.tasks if not task.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_CLEAN_UP_SECONDS)


async def _listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket; AlgaError that names the address and what to do."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        # UnicodeError: the name has an empty or an overlong part.
        raise _cannot_listen(f"{host}:{port}", setting, error) from error
    # `localhost` is often ::1 first; most clients try 127.0.0.1.
    family, kind, protocol, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        # Two sockets may be bound to one port this way; the second one's listen is refused.
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _cannot_listen(f"{host}:{port}", setting, error) from error
    return listener


def _cannot_listen(address: str, setting: str, error: OSError | UnicodeError) -> AlgaError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return AlgaError(
            f"The HTTP server cannot listen on {address}: another program already does.",
            code="ADDRESS_IN_USE",
            remedy=f"Stop that program, or set {setting} to another port (0: any free one).",
        )
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return AlgaError(
        f"The HTTP server cannot listen on {address}: {reason}.",
        code="ADDRESS_UNUSABLE",
        remedy=f"Set WORKFLOW_HOST and {setting} to an address of this machine that it may listen "
        "on.",
    )

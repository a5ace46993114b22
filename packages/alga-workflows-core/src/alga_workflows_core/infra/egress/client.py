"""The HTTP client for requests that authors ask for: guarded, without memory, bounded in time.

Server name (TLS) and Host header are those of the URL, whatever address is connected to.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from alga_workflows_core.infra.egress.addresses import AddressPolicy
from alga_workflows_core.infra.egress.backend import GuardedBackend, Resolve, system_resolve

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends each request over a connection of its own, which ends with the response.

    A shared pool would save handshakes, but httpcore's loses connections, and with them sockets,
    when a task is cancelled at the wrong moment; and here cancelling is how time is bounded. It
    would also hand a connection that one run opened to another.
    """

    def __init__(
        self, policy: AddressPolicy, *, resolve: Resolve, ssl_context: ssl.SSLContext
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._ssl_context = ssl_context

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        backend = GuardedBackend(self._policy, self._resolve)
        try:
            response = await _Exchange(backend, self._ssl_context).handle_async_request(request)
        except BaseException:
            await backend.aclose()
            raise
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_OwningStream(response, backend),
            extensions=response.extensions,
        )


class _Exchange(httpx.AsyncHTTPTransport):
    """httpx's transport for one request over a guarded connection, without proxies and HTTP/2."""

    def __init__(self, backend: GuardedBackend, ssl_context: ssl.SSLContext) -> None:
        # The base's `__init__` is left out and its private pool set instead: httpx 0.28 has no
        # public place for a network backend. Should the attribute get another name, a request
        # fails for want of it; it never goes out unguarded.
        self._pool = httpcore.AsyncConnectionPool(ssl_context=ssl_context, network_backend=backend)


class _OwningStream(httpx.AsyncByteStream):
    """The body of a response; its end is the end of the connection."""

    def __init__(self, response: httpx.Response, backend: GuardedBackend) -> None:
        self._response = response
        self._backend = backend

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._response.aclose()
        finally:
            await self._backend.aclose()


def create_client(
    policy: AddressPolicy,
    *,
    resolve: Resolve = system_resolve,
    ssl_context: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """A client that reaches what `policy` permits; the caller closes it.

    It follows no redirects, keeps no cookies and reads no proxies or passwords from the
    environment. Without `ssl_context` servers are verified against SSL_CERT_FILE or SSL_CERT_DIR
    where set, else certifi's authorities. A request raises AddressRefusedError or ResolutionError
    besides httpx's own errors. How many requests run at once is up to the callers.
    """
    return httpx.AsyncClient(
        transport=GuardedTransport(
            policy, resolve=resolve, ssl_context=ssl_context or httpx.create_ssl_context()
        ),
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=_TIMEOUT,
        headers={"User-Agent": "alga-workflows", "Connection": "close"},
    )

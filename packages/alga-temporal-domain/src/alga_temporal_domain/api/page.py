"""The page on projects and their workers. It holds no data: its script asks the API with a key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from alga_workflows_core.errors import AccessError
from alga_workflows_core.infra.web import openapi
from alga_workflows_core.infra.web.access import Access

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_FILES = {
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_KEY_NEEDED = b'data-key="needed"'


def router(access: Access) -> APIRouter:
    """Four files, open to everybody. The page knows whether who asks for it needs a key, so that
    it does not have to be refused first."""
    routes = APIRouter(tags=["page"], include_in_schema=False)
    content = _read("index.html")

    @routes.get("/", openapi_extra=openapi.OPEN)
    async def get_page(request: Request) -> Response:
        shown = content
        try:
            await access.principal(request)
        except AccessError:
            shown = content.replace(b"data-key", _KEY_NEEDED, 1)
        return Response(shown, media_type="text/html; charset=utf-8", headers=_HEADERS)

    for address, (name, media_type) in _FILES.items():
        routes.get(address, openapi_extra=openapi.OPEN)(_file(_read(name), media_type))
    return routes


def _file(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def get_file() -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return get_file


def _read(name: str) -> bytes:
    return files("alga_temporal_domain.api").joinpath("static", name).read_bytes()

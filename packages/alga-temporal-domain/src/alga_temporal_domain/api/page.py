"""The page on projects and their workers. It holds no data: its script asks the API with a key."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

from alga_workflows_core.infra.web import openapi

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}


def router() -> APIRouter:
    """Three files, open to everybody."""
    routes = APIRouter(tags=["page"], include_in_schema=False)
    for address, (name, media_type) in _FILES.items():
        _add(routes, address, name, media_type)
    return routes


def _add(routes: APIRouter, address: str, name: str, media_type: str) -> None:
    content = files("alga_temporal_domain.api").joinpath("static", name).read_bytes()
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    @routes.get(address, openapi_extra=openapi.OPEN)
    async def get_file() -> Response:
        return Response(content, media_type=media_type, headers=headers)

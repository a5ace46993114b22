"""The page and the description of the API."""

from __future__ import annotations

import re

from tests.domain.service.running import RunningService


async def test_the_page_holds_neither_data_nor_inline_code(service: RunningService) -> None:
    """It is open, and its policy lets it load from this service alone."""
    page = await service.ask("GET", "/", None, host="somewhere.example")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)| on\w+=|style=", page.text)
    for address in re.findall(r'(?:href|src)="(/[^"]+)"', page.text):
        assert (await service.ask("GET", address)).status_code == 200


async def test_the_api_describes_itself(service: RunningService) -> None:
    """Every documented route, and those of projects; what needs no key says so."""
    described = (await service.ask("GET", "/openapi.json")).json()
    assert {"/health", "/workers", "/workers/start", "/workflows/reload"} <= set(described["paths"])
    assert "/v1/projects/{project_id}/bundles/{bundle_hash}/activate" in described["paths"]
    assert described["paths"]["/health"]["get"]["security"] == []


async def test_the_process_says_how_it_is(service: RunningService) -> None:
    """Alive, ready, with details and figures for those with a key."""
    assert (await service.ask("GET", "/livez")).json() == {"live": True}
    ready = (await service.ask("GET", "/readyz")).json()
    assert ready["ready"], ready
    assert "service.project-supervisor" in ready["checks"]
    details = (await service.ask("GET", "/v1/health")).json()
    assert details["checks"]["temporal"]["ok"]
    metrics = await service.ask("GET", "/metrics")
    assert "alga_http_requests_total" in metrics.text
    unknown = await service.ask("GET", "/nothing")
    assert unknown.json()["remedy"] == "GET /openapi.json lists every address."

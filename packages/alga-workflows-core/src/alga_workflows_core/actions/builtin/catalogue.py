"""The actions that come with the engine."""

from __future__ import annotations

import httpx

from alga_workflows_core.actions.builtin import http_request, log, text
from alga_workflows_core.actions.contract import Action


def builtin_actions(client: httpx.AsyncClient) -> list[Action]:
    """All of them; `client` is what `http.request` reaches the world with."""
    return [*text.actions(), *log.actions(), *http_request.actions(client)]

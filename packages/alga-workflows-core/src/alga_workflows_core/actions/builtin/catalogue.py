"""The actions that come with the engine."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from alga_workflows_core.actions.builtin import (
    collections,
    data,
    dates,
    events,
    http_request,
    json,
    log,
    numbers,
    text,
)
from alga_workflows_core.actions.builtin.rows import NoRows, Rows
from alga_workflows_core.actions.contract import Action
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionSpec


def builtin_actions(client: httpx.AsyncClient, rows: Rows) -> list[Action]:
    """All of them; `client` is what `http.request` reaches the world with, `rows` (a `Storage`)
    what `data` and `events` read and write."""
    families = (text, json, collections, dates, numbers, log)
    return [
        *(action for family in families for action in family.actions()),
        *data.actions(rows),
        *events.actions(rows),
        *http_request.actions(client),
    ]


def builtin_registry() -> Registry:
    """All of them without a way to the world and to rows, for those who perform pure ones only."""
    unconnected = httpx.AsyncClient(transport=httpx.AsyncBaseTransport(), trust_env=False)
    return Registry(builtin_actions(unconnected, NoRows()))


def builtin_specs() -> Mapping[tuple[str, int], ActionSpec]:
    """The contracts of all of them, for those who validate and perform nothing."""
    return builtin_registry().specs()

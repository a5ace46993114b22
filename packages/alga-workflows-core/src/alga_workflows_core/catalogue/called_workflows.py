"""The definitions that a document calls, as publishing has to know them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import cast

from alga_workflows_core.catalogue.named_events import schema_ref_of
from alga_workflows_core.definition.tree import raw_blocks
from alga_workflows_core.storage.definitions import CallableVersion, Definitions
from alga_workflows_core.storage.event_types import EventTypes
from alga_workflows_core.types.identifiers import DEFINITION_ID
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.strict_json import loads
from alga_workflows_core.validation.catalogue import WorkflowSpec

MAX_FOLLOWED = 200
"""So many definitions are looked at for one document."""

_AT_ONCE = 20
_MAX_SUGGESTED = 10
_ID = re.compile(DEFINITION_ID)


def calls_of(document: Json) -> Mapping[str, frozenset[int]]:
    """The ids of the definitions that `document`, whatever it is, calls, each with the versions
    that it names.
    """
    calls: dict[str, set[int]] = {}
    waiting: list[Json] = [document]
    while waiting:
        step = waiting.pop()
        if not isinstance(step, dict):
            continue
        members = cast("JsonObject", step)
        called = members.get("workflowId")
        if members.get("type") == "control.callWorkflow" and isinstance(called, str):
            versions = calls.setdefault(called, set())
            number = members.get("workflowVersion")
            if isinstance(number, int) and not isinstance(number, bool):
                versions.add(number)
        for _, entries in raw_blocks(members):
            waiting += entries
    return {name: frozenset(calls[name]) for name in sorted(calls) if _ID.fullmatch(name)}


async def workflows_called(
    definitions: Definitions, types: EventTypes, document: Json
) -> Mapping[str, WorkflowSpec] | None:
    """What `document` calls, what that calls, and so on; and what it may have meant to call.

    Drafts do not count. None if it calls more than `MAX_FOLLOWED`; of what these call as many are
    left out as are too many. The schemas of versions that are neither active nor named in
    `document` are left out.
    """
    calls = calls_of(document)
    if not calls:
        return {}
    if len(calls) > MAX_FOLLOWED:
        return None
    own = str(cast("JsonObject", document).get("id"))
    found = await _read(definitions, types, list(calls), calls)
    asked = {*calls, own}
    missing = [name for name in calls if name not in found and name != own]
    level = list(calls)
    while level:
        following = {called for name in level if name in found for called in found[name].calls}
        level = sorted(following - asked)[: max(0, MAX_FOLLOWED - len(asked))]
        asked.update(level)
        found |= await _read(definitions, types, level, {})
    if missing:
        found |= await _read(definitions, types, await _near(definitions, missing), {})
    return found


async def _near(definitions: Definitions, missing: Sequence[str]) -> list[str]:
    """Names of definitions like those that are not there."""
    names = await definitions.published_like(missing[:_MAX_SUGGESTED], limit=MAX_FOLLOWED)
    near = {
        match for name in missing[:_MAX_SUGGESTED] for match in get_close_matches(name, names, n=1)
    }
    return sorted(near)


async def _read(
    definitions: Definitions,
    types: EventTypes,
    names: Sequence[str],
    named: Mapping[str, Collection[int]],
) -> dict[str, WorkflowSpec]:
    """Of those of `names` that have been published; `named`: versions whose schema is needed."""
    found: dict[str, WorkflowSpec] = {}
    for start in range(0, len(names), _AT_ONCE):
        # Documents may be large, so not many are held at a time.
        some = names[start : start + _AT_ONCE]
        versions = {
            (name, version)
            for name in some
            for version in named.get(name, ())
            if 0 < version < 2**31
        }
        by_name: dict[str, list[CallableVersion]] = {}
        for row in await definitions.callable_versions(some, with_document=versions):
            by_name.setdefault(row.definition_id, []).append(row)
        found |= {name: await _spec(types, rows) for name, rows in by_name.items()}
    return found


async def _spec(types: EventTypes, rows: Sequence[CallableVersion]) -> WorkflowSpec:
    versions: dict[int, JsonObject | None] = {}
    active: int | None = None
    called: frozenset[str] = frozenset()
    for row in rows:
        document = None if row.document is None else cast("JsonObject", loads(row.document))
        ref = schema_ref_of(document)
        if ref is None:
            versions[row.version] = (document or {}).get("payloadSchema")
        else:
            versions[row.version] = (await types.schemas([ref])).get(ref)
        if row.active:
            active, called = row.version, frozenset(calls_of(document))
    return WorkflowSpec(versions=versions, active=active, calls=called)

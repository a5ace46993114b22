"""What a definition may refer to: actions, other definitions, events, secrets, calendars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.types.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSpec:
    """A published definition, as far as those who call it have to know it.

    `versions`: the payload schema of each version, None where any payload is accepted. `active`:
    the version that new runs get, None if there are none. `calls`: the ids of the definitions that
    the active version calls.
    """

    versions: Mapping[int, JsonObject | None]
    active: int | None
    calls: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """One frozen view, taken before the validation. Of what is None nothing is known, or said.

    `actions`: contract by id and version. `workflows`: by id, with all that these call. `events`:
    schema of the payload by the event's name, None where any is accepted.
    """

    actions: Mapping[tuple[str, int], ActionSpec]
    workflows: Mapping[str, WorkflowSpec] | None = None
    events: Mapping[str, JsonObject | None] | None = None
    secrets: frozenset[str] | None = None
    calendars: frozenset[str] | None = None

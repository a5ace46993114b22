"""The actions that one process can perform. Built once by `compose`, then handed down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from alga_workflows_core.actions.contract import Action
from alga_workflows_core.definition.action_spec import ActionSpec


class Registry:
    """Actions by id and version. ValueError when two have the same."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions: dict[tuple[str, int], Action] = {}
        for action in actions:
            key = (action.spec.id, action.spec.version)
            if key in self._actions:
                raise ValueError(f"action {key[0]} version {key[1]} is registered twice")
            self._actions[key] = action

    def find(self, action_id: str, version: int) -> Action | None:
        return self._actions.get((action_id, version))

    def specs(self) -> Mapping[tuple[str, int], ActionSpec]:
        """The contracts, sorted by id and version; a value that does not change."""
        ordered = sorted(self._actions.items())
        return MappingProxyType({key: action.spec for key, action in ordered})

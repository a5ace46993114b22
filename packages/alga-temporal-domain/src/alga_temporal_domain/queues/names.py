"""What workflows and activities are called in Temporal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DYNAMIC = "(any)"
"""In place of a name: whatever else is asked for."""


def workflow_name(workflow_class: type[Any]) -> str:
    """The type's name. ValueError if the class is no workflow."""
    return _name(workflow_class, "__temporal_workflow_definition")


def activity_name(function: Callable[..., Any]) -> str:
    """The type's name. ValueError if the function is no activity."""
    return _name(function, "__temporal_activity_definition")


def _name(defined: Any, attribute: str) -> str:
    # The SDK has no public way to ask; the attribute is where its decorators put it.
    found = getattr(defined, attribute, None)
    if found is None:
        raise ValueError(f"{defined} has no definition for Temporal")
    name: str | None = found.name
    return name or DYNAMIC

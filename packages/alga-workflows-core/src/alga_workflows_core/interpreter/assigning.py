"""Assignments of a step: in the order in which they are written, each seeing the former."""

from __future__ import annotations

from collections.abc import Mapping

from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json


def assign_all(
    visit: Visit, assignments: Mapping[str, Json] | None, names: Mapping[str, Json] | None = None
) -> None:
    """Set each path to its value; StepError of the first that cannot be had.

    Expressions see `names` besides.
    """
    scope = visit.scope.with_names(names) if names else visit.scope
    for path, value in (assignments or {}).items():
        scope.assign(path, scope.resolve(value, visit.path), visit.path)

"""How a step ended, when it did not simply go through (which is None)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.types.json import Json


@dataclass(frozen=True, slots=True)
class Returned:
    """The run ends with this value."""

    value: Json


@dataclass(frozen=True, slots=True)
class Failed:
    """An error on its way outwards."""

    error: ErrorInfo


Outcome: TypeAlias = Returned | Failed | None

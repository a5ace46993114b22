"""Scopes as a run would have them, and what tests ask them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.expressions.engine import Sources
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.variables import Variables
from tests.core.interpreter.world import BEGAN, expression


def scope(payload: Any = None, **variables: Any) -> Scope:
    """The scope of a run that has come to these variables."""
    return Scope(
        payload=payload,
        system={"runId": "R"},
        sources=Sources(now=lambda: BEGAN, random=lambda: 0.5),
        initial=Variables.of(variables),
    )


def secret(name: str) -> dict[str, Any]:
    """A reference to a secret."""
    return {"$secret": name}


def seen(where: Scope, text: str) -> Any:
    """What the expression `text` gives there."""
    return where.resolve(expression(text), "step")


def refusal(refused: Callable[[], object]) -> ErrorInfo:
    """The error of what has to fail."""
    with pytest.raises(StepError) as caught:
        refused()
    return caught.value.info

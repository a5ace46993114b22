"""The actions of one process."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import BaseModel

from alga_workflows_core.actions.builtin import log
from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind


class Nothing(BaseModel):
    pass


def made(action_id: str, version: int) -> Action:
    @action(action_id, version=version, kind=ActionKind.READ)
    async def handler(request: Nothing) -> Nothing:
        return request

    return handler


def test_actions_are_found_by_id_and_version() -> None:
    """Two versions of one action stand beside each other."""
    one, two = made("a.b", 1), made("a.b", 2)
    registry = Registry([two, one])
    assert registry.find("a.b", 1) is one
    assert registry.find("a.b", 2) is two
    assert registry.find("a.b", 3) is None
    assert registry.find("A.b", 1) is None


def test_two_of_the_same_are_refused() -> None:
    """Which of them would run must not depend on the order of registration."""
    with pytest.raises(ValueError, match=r"action a\.b version 1 is registered twice"):
        Registry([made("a.b", 1), made("c.d", 1), made("a.b", 1)])


def test_the_contracts_are_a_sorted_value_that_cannot_be_changed() -> None:
    """What validation and the API see is fixed when the process starts."""
    specs = Registry([*log.actions(), made("z.z", 1), made("a.b", 2), made("a.b", 1)]).specs()
    assert list(specs) == [
        ("a.b", 1),
        ("a.b", 2),
        ("log.write", 1),
        ("z.z", 1),
    ]
    with pytest.raises(TypeError):
        cast("dict[Any, Any]", specs)["a.b", 3] = None

"""Built-in pure actions, called as a run calls them."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.actions.builtin.catalogue import builtin_registry
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.errors import Category
from tests.core.actions.invocations import INVOCATION

PERFORMER = Performer(builtin_registry())


async def answer(action_id: str, **request: Any) -> Any:
    """The output of version 1 of a built-in action."""
    return await PERFORMER.perform(action_id, 1, request, INVOCATION)


async def refusal(action_id: str, **request: Any) -> ActionError:
    """Why the input is refused; a typed error that no retry helps with, and that tells a remedy."""
    with pytest.raises(ActionError) as raised:
        await answer(action_id, **request)
    error = raised.value
    assert not error.retryable
    if error.error_code == "SIZE_LIMIT":
        assert error.category is Category.LIMIT
    else:
        assert error.category is Category.VALIDATION
    assert error.error_code == "ACTION_INPUT_INVALID" or error.remedy
    return error

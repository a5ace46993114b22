"""Built-in actions that keep rows, called as a run's worker calls them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.storage.unit_of_work import Storage
from tests.core.actions.invocations import INVOCATION


class _GoneError(Exception):
    """The worker is gone."""


class Kept:
    """The actions over a database. Each transactional call has a transaction of its own."""

    def __init__(self, storage: Storage, *, tenant: str = INVOCATION.tenant) -> None:
        self.storage = storage
        self._tenant = tenant
        unconnected = httpx.AsyncClient(transport=httpx.AsyncBaseTransport(), trust_env=False)
        self._registry = Registry(builtin_actions(unconnected, storage))
        self._performer = Performer(self._registry)

    async def answer(self, action_id: str, *, call: UUID | None = None, **request: Any) -> Any:
        """The output of one call; `call` is its id."""
        action = self._registry.find(action_id, 1)
        assert action is not None
        invocation = replace(INVOCATION, id=call or uuid4(), tenant=self._tenant)
        if action.spec.kind is not ActionKind.TRANSACTIONAL:
            return await self._performer.perform(action_id, 1, request, invocation)
        async with self.storage.transaction(self._tenant) as connection:
            within = replace(invocation, transaction_or_none=connection)
            return await self._performer.perform(action_id, 1, request, within)

    async def abandoned(self, action_id: str, **request: Any) -> Any:
        """The output of a call whose worker is gone before the transaction commits."""
        output: Any = None
        with contextlib.suppress(_GoneError):
            async with self.storage.transaction(self._tenant) as connection:
                within = replace(INVOCATION, id=uuid4(), transaction_or_none=connection)
                output = await self._performer.perform(action_id, 1, request, within)
                raise _GoneError
        return output

    async def refusal(self, action_id: str, **request: Any) -> ActionError:
        """Why the call failed."""
        with pytest.raises(ActionError) as raised:
            await self.answer(action_id, **request)
        return raised.value

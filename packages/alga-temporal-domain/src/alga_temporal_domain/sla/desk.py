"""Starts items, changes them and shows them, for callers who want an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.queues.spec import SLA
from alga_temporal_domain.sla.contracts import Command, ItemState, ItemView, NewItem, SlaInput
from alga_temporal_domain.sla.machine import AHEAD, apply, next_due, origin, start
from alga_temporal_domain.sla.names import CHANGE, WORKFLOW, workflow_id
from alga_temporal_domain.sla.refusals import ChangeRefusedError, as_public_error
from alga_temporal_domain.sla.rows import clock_rows, item_row, write_facts
from alga_temporal_domain.sla.views import item_view
from alga_temporal_domain.storage.sla import ChangeRow, ItemRow, items_left
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import ConflictError, InputError, NotFoundError, UnavailableError
from alga_workflows_core.infra.temporal import AWAY, REMEDY

log = structlog.get_logger()

_RPC_SECONDS = 10.0
_LEFT_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """`view` is None if no worker has judged the change yet: it is kept, and is made as of its
    moment when one comes."""

    view: ItemView | None


class SlaDesk:
    """The items of all tenants.

    `patience`: seconds to wait for a worker's answer; `late`: seconds after which an item to which
    nothing has happened that was due is given to Temporal again.
    """

    def __init__(
        self,
        *,
        storage: DomainStorage,
        client: Client,
        address: str,
        patience: float = 5.0,
        late: float = 60.0,
    ) -> None:
        self._storage = storage
        self._client = client
        self._address = address
        self._patience = patience
        self._late = timedelta(seconds=late)

    async def start(self, new: NewItem, *, actor: str, is_dated: bool) -> tuple[ItemView, bool]:
        """The item, and whether it is new: who asks for the same again gets what there is.

        ConflictError if there is another one of this name, InputError if it cannot be.
        """
        now = datetime.now(UTC)
        if new.started_at > now + AHEAD:
            raise InputError("The clocks cannot have started in the future.", path="/startedAt")
        try:
            begun = start(new, actor, is_dated=is_dated)
        except ChangeRefusedError as error:
            raise as_public_error(error) from error
        due = next_due(begun.state)
        async with self._storage.unit_of_work(new.tenant) as work:
            row = item_row(begun.state, None if due is None else due.at)
            created = await work.sla.add(row)
            if created:
                await work.sla.save_clocks(new.item, clock_rows(begun.state))
                await write_facts(work, begun.state, begun.facts)
            known = await work.sla.get(new.item)
        state = begun.state if known is None else _state(known)
        if state.origin != origin(new, is_dated=is_dated):
            raise ConflictError(
                f"There is an item {new.item!r} already, with other clocks.",
                code="SLA_EXISTS",
                remedy="Start further clocks of it, or retarget those that it has.",
            )
        if known is not None and not known.is_attached:
            await self._attach_or_leave(state)
        return item_view(state, now), created

    async def change(self, tenant: str, item: str, command: Command) -> Changed:
        """Have a change made. NotFoundError, ConflictError or InputError if it cannot be.

        UnavailableError without Temporal.
        """
        try:
            try:
                return await self._ask(tenant, item, command)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            # Ended, or never begun: the rows know all that there is to know.
            state = await self._state(tenant, item)
            now = datetime.now(UTC)
            outcome = apply(state, command, now)
            if outcome.state == state:
                return Changed(view=item_view(state, now))
            # The execution of an ended item would end before it is asked; it is told at its start.
            await self._attach(state, first=None if state.is_open else command)
            return await self._ask(tenant, item, command)
        except ChangeRefusedError as error:
            raise as_public_error(error) from error
        except RPCError as error:
            raise self._outage(error) from error

    async def get(self, tenant: str, item: str) -> ItemView:
        """NotFoundError if there is none."""
        return item_view(await self._state(tenant, item), datetime.now(UTC))

    async def newest(
        self, tenant: str, is_open: bool | None, after: tuple[datetime, str] | None, at_most: int
    ) -> list[tuple[ItemRow, ItemView]]:
        """The newest first; only open or closed ones if wanted."""
        async with self._storage.unit_of_work(tenant) as work:
            return _viewed(await work.sla.newest(is_open, after, at_most))

    async def due(
        self, tenant: str, until: datetime, after: tuple[datetime, str] | None, at_most: int
    ) -> list[tuple[ItemRow, ItemView]]:
        """Those to which something will happen by itself until a moment, what is next first."""
        async with self._storage.unit_of_work(tenant) as work:
            return _viewed(await work.sla.due(until, after, at_most))

    async def changes(self, tenant: str, item: str, after: int, at_most: int) -> list[ChangeRow]:
        """What has happened to an item, in order. NotFoundError if there is none."""
        async with self._storage.unit_of_work(tenant) as work:
            if await work.sla.get(item) is None:
                raise _unknown(item)
            return await work.sla.changes(item, after, at_most)

    async def attach_left(self) -> None:
        """Have Temporal look after items that it does not know, or does not know any more."""
        async with self._storage.transaction() as connection:
            left = await items_left(connection, self._late, _LEFT_AT_ONCE)
        for tenant, item in left:
            state = await self._state(tenant, item)
            try:
                await self._attach(state)
            except RPCError as error:
                raise self._outage(error) from error

    async def _ask(self, tenant: str, item: str, command: Command) -> Changed:
        handle: WorkflowHandle[Any, Any] = self._client.get_workflow_handle(
            workflow_id(tenant, item)
        )
        try:
            async with asyncio.timeout(self._patience):
                view: ItemView = await handle.execute_update(  # pyright: ignore[reportUnknownMemberType]
                    CHANGE, command, id=str(uuid4()), result_type=ItemView
                )
            return Changed(view=view)
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from error
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            # An update waits in the server's memory, a signal in its database.
            await handle.signal(CHANGE, command, rpc_timeout=timedelta(seconds=_RPC_SECONDS))
        return Changed(view=None)

    async def _attach_or_leave(self, state: ItemState) -> None:
        try:
            await self._attach(state)
        except RPCError as error:
            log.warning(
                "An item is kept and will be given to Temporal later.",
                action="sla.not_attached",
                tenant=state.tenant,
                item=state.item,
                reason=error.message,
            )

    async def _attach(self, state: ItemState, first: Command | None = None) -> None:
        """Start an execution with an item, if there is none."""
        await self._client.start_workflow(
            WORKFLOW,
            SlaInput(state=state, first=first),
            id=workflow_id(state.tenant, state.item),
            task_queue=SLA,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            rpc_timeout=timedelta(seconds=_RPC_SECONDS),
        )
        async with self._storage.unit_of_work(state.tenant) as work:
            await work.sla.attach(state.item)

    async def _state(self, tenant: str, item: str) -> ItemState:
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.sla.get(item)
        if row is None:
            raise _unknown(item)
        return _state(row)

    def _outage(self, error: RPCError) -> Exception:
        if error.status not in AWAY:
            return error
        return UnavailableError("Temporal", self._address, error.message, remedy=REMEDY)


def _state(row: ItemRow) -> ItemState:
    return ItemState.model_validate(row.state)


def _viewed(rows: list[ItemRow]) -> list[tuple[ItemRow, ItemView]]:
    now = datetime.now(UTC)
    return [(row, item_view(_state(row), now)) for row in rows]


def _unknown(item: str) -> NotFoundError:
    return NotFoundError(
        f"There is no item {item!r} with SLA clocks.",
        code="SLA_UNKNOWN",
        remedy="Start its clocks first.",
    )


def _refusal(error: WorkflowUpdateFailedError) -> Exception:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type is not None:
        return ChangeRefusedError(cause.type, cause.message)
    return error

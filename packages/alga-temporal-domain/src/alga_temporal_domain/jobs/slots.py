"""The activities around concurrency keys: asking for a slot, and looking for dead holders."""

from __future__ import annotations

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.jobs import names
from alga_temporal_domain.jobs.contracts import Holder, LimiterState, SlotRequest
from alga_temporal_domain.jobs.outages import RPC_TIMEOUT
from alga_temporal_domain.queues.spec import JOBS


class Slots:
    """`limiter`: what a limiter starts with."""

    def __init__(self, client: Client, limiter: LimiterState | None = None) -> None:
        self._client = client
        self._limiter = limiter or LimiterState()

    @activity.defn(name=names.ASK_FOR_SLOT)
    async def ask(self, request: SlotRequest) -> None:
        """Tell the key's limiter, which is started if there is none. A workflow cannot do that
        itself: to signal with start is for clients."""
        await self._client.start_workflow(
            names.CONCURRENCY_WORKFLOW,
            self._limiter.model_copy(update={"limit": request.limit}),
            id=request.limiter_id,
            task_queue=JOBS,
            start_signal=names.ACQUIRE_SIGNAL,
            start_signal_args=[request],
            rpc_timeout=RPC_TIMEOUT,
        )

    @activity.defn(name=names.CLOSED_JOBS)
    async def closed(self, holders: list[Holder]) -> list[Holder]:
        """Those whose runs have ended, or are forgotten."""
        closed: list[Holder] = []
        for holder in holders:
            activity.heartbeat()
            if not await self._is_open(holder):
                closed.append(holder)
        return closed

    async def _is_open(self, holder: Holder) -> bool:
        handle = self._client.get_workflow_handle(holder.workflow_id, run_id=holder.run_id)
        try:
            described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return described.status is WorkflowExecutionStatus.RUNNING

"""Tell the catalogue which actions a queue serves, at the start and from then on."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.temporal.advertising import Advertised, Advertisement, Refusal
from alga_workflows_core.temporal.names import ADVERTISE_WORKFLOW, TASK_QUEUE, advertise_id
from alga_workflows_core.types.canonical import canonical, content_hash

log = structlog.get_logger()

MAX_CONTRACT_BYTES = 256 * 1024
_MAX_TOLD_BYTES = 512 * 1024  # Temporal takes 2 MiB for one input
_MISSED_BEFORE_GONE = 3
_RETRY_SECONDS = 5.0
_PATIENCE_SECONDS = 10.0
_RPC_TIMEOUT = timedelta(seconds=10)


class Advertiser:
    """Advertises `specs` every `every` seconds; they count as served for three times as long."""

    def __init__(
        self,
        client: Client,
        specs: Sequence[ActionSpec],
        *,
        queue: str,
        tenant: str | None,
        build_id: str,
        every: float,
    ) -> None:
        self._client = client
        self._every = every
        self._refused: frozenset[Refusal] = frozenset()
        self._told = False
        self._advertisements = [
            Advertisement(
                tenant=tenant,
                queue=queue,
                served_by=f"{os.getpid()}@{socket.gethostname()}",
                build_id=build_id,
                lease=every * _MISSED_BEFORE_GONE,
                actions=[spec.model_dump(mode="json", by_alias=True) for spec in some],
            )
            for some in _portions(specs)
        ]

    async def run(self) -> None:
        """Until it is cancelled. What goes wrong is logged and tried again."""
        while True:
            try:
                answers = await asyncio.gather(
                    *(self._advertise(each) for each in self._advertisements)
                )
            except (RPCError, WorkflowFailureError) as error:
                cause = error.cause if isinstance(error, WorkflowFailureError) else error
                log.warning(
                    f"The catalogue was not told of the actions, which are served: {cause}",
                    action="actions.not_advertised",
                )
                await asyncio.sleep(min(_RETRY_SECONDS, self._every))
            else:
                self._tell(answers)
                await asyncio.sleep(self._every)

    async def _advertise(self, advertisement: Advertisement) -> Advertised:
        content = advertisement.model_dump(mode="json", by_alias=True)
        said = {name: content[name] for name in ("tenant", "actions")}
        handle = await self._client.start_workflow(
            ADVERTISE_WORKFLOW,
            content,
            id=advertise_id(advertisement.queue, content_hash(said)),
            task_queue=TASK_QUEUE,
            result_type=Advertised,
            # Again whenever the last one is through; one that still waits says the same.
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"actions of {advertisement.queue}",
            rpc_timeout=_RPC_TIMEOUT,
        )
        answer = asyncio.ensure_future(handle.result())
        try:
            with suppress(TimeoutError):
                return await asyncio.wait_for(asyncio.shield(answer), _PATIENCE_SECONDS)
            log.warning(
                f"No worker polls {TASK_QUEUE}, so the catalogue does not know of the actions yet",
                action="actions.waiting",
                queue=advertisement.queue,
            )
            return await answer
        finally:
            answer.cancel()

    def _tell(self, answers: Sequence[Advertised]) -> None:
        refused = [refusal for answer in answers for refusal in answer.refused]
        for refusal in refused:
            if refusal not in self._refused:
                log.error(
                    f"{refusal.action_id} {refusal.version} was refused: {refusal.message}",
                    action="action.refused",
                    code=refusal.code,
                )
        if not self._told:
            count = sum(answer.accepted for answer in answers)
            log.info(f"{count} actions are in the catalogue", action="actions.advertised")
        self._told, self._refused = True, frozenset(refused)


def _portions(specs: Sequence[ActionSpec]) -> Iterator[list[ActionSpec]]:
    """`specs` in lists that one input of a workflow can hold."""
    portion: list[ActionSpec] = []
    size = 0
    for spec in specs:
        more = contract_size(spec)
        if portion and size + more > _MAX_TOLD_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(spec)
        size += more
    yield portion


def contract_size(spec: ActionSpec) -> int:
    """How many bytes a contract has on its way."""
    return len(canonical(spec.model_dump(mode="json", by_alias=True)))

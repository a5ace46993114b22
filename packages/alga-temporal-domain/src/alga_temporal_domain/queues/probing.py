"""Whether queues are served: a run on each, for which somebody has to be there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from alga_temporal_domain.queues.readiness import (
    READINESS_WORKFLOW,
    ReadinessInput,
    ReadinessResult,
)

_VALID_SECONDS = 5.0


class DeepProbe:
    """Runs `readinessWorkflow` on each of `queues`, waiting `wait` seconds for the answers.

    However many ask, there is one round at a time, and its result is good for five seconds: this
    may be asked for without a key.
    """

    def __init__(self, client: Client, queues: Sequence[str], *, wait: float) -> None:
        self._client = client
        self._queues = tuple(queues)
        self._wait = wait
        self._round = asyncio.Lock()
        self._found: dict[str, bool] = {}
        self._until = 0.0

    async def look(self) -> dict[str, bool]:
        """Whether somebody answered in time, whoever it was, by `answers <queue>`."""
        async with self._round:
            if time.monotonic() >= self._until:
                answers = await asyncio.gather(*map(self._answers, self._queues))
                self._found = dict(zip(self._queues, answers, strict=True))
                self._until = time.monotonic() + _VALID_SECONDS
            return {f"answers {queue}": ok for queue, ok in self._found.items()}

    async def _answers(self, queue: str) -> bool:
        asked = ReadinessInput(echo=uuid4().hex)
        try:
            async with asyncio.timeout(self._wait):
                said = await self._client.execute_workflow(
                    READINESS_WORKFLOW,
                    asked,
                    id=f"readiness:{queue}:{asked.echo}",
                    task_queue=queue,
                    result_type=ReadinessResult,
                    # Nobody waits for it any longer.
                    execution_timeout=timedelta(seconds=self._wait),
                )
        except (TimeoutError, RPCError, WorkflowFailureError):
            return False
        return said == ReadinessResult(ok=True, echo=asked.echo)

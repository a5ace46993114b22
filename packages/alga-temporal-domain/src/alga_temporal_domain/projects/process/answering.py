"""The supervisor's side of calls: each child's own tasks, so that none holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from pydantic import ValidationError

from alga_temporal_domain.projects.calling import Broker, CallError
from alga_temporal_domain.projects.process.frames import Call, CallFault, Result, line
from alga_workflows_core.errors import AlgaError, UnavailableError

log = structlog.get_logger()

AT_A_TIME = 16
"""Calls of one child that are worked on at a time."""

WAITING = 256
"""Calls of one child that may wait for their turn; further ones are refused."""

MOST = 2000
"""Calls of one child that are not answered; more come from no program of ours."""

_LONGEST_MESSAGE = 2000


class Answers:
    """Answers the calls of one child until it is closed."""

    def __init__(self, broker: Broker, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._broker = broker
        self._send = send
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def begin(self, call: Call) -> None:
        """Answer it as soon as it is its turn. ValueError if no child of ours would ask so."""
        if call.id in self._tasks or len(self._tasks) >= MOST:
            raise ValueError(f"call {call.id} has a number that is taken, or is one too many")
        task = asyncio.create_task(self._answer(call), name=f"call {call.name}")
        self._tasks[call.id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(call.id, None))

    def cancel(self, number: int) -> None:
        """Nobody waits for that answer any more."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Give up on all of them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, call: Call) -> None:
        if len(self._tasks) > WAITING:
            fault = CallFault(
                code="TOO_MANY_CALLS", message="Too many calls are waiting.", retryable=True
            )
            await self._reply(Result(id=call.id, fault=fault))
            return
        async with self._turns:
            await self._reply(await self._result(call))

    async def _result(self, call: Call) -> Result:
        try:
            return Result(id=call.id, value=await self._broker.answer(call.name, call.arguments))
        except AlgaError as error:
            retryable = isinstance(error, UnavailableError) or (
                isinstance(error, CallError) and error.retryable
            )
            fault = CallFault(
                code=error.error_code, message=str(error)[:_LONGEST_MESSAGE], retryable=retryable
            )
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            fault = CallFault(code="INPUT_INVALID", message=f"{call.name}: {first['msg']}")
        except Exception:
            # The boundary: what answers is other people's code, and the child waits.
            log.exception("A call could not be answered.", action="call.failed", name=call.name)
            fault = CallFault(
                code="INTERNAL", message=f"{call.name} failed for a reason of ours.", retryable=True
            )
        return Result(id=call.id, fault=fault)

    async def _reply(self, result: Result) -> None:
        try:
            data = line(result)
        except ValueError as error:
            fault = CallFault(code="RESULT_INVALID", message=str(error)[:_LONGEST_MESSAGE])
            data = line(Result(id=result.id, fault=fault))
        await self._send(data)

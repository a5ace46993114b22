"""Calls of a project's process to its supervisor, as the process has them."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic_core import PydanticSerializationError
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.projects.process.channel import Channel
from alga_temporal_domain.projects.process.frames import Call, CancelCall, Result
from alga_workflows_core.types.json import Json


class Calls:
    """Asks the supervisor and waits for its answers, any number at a time."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Result]] = {}

    async def call(self, name: str, arguments: dict[str, Any]) -> Json:
        """The answer. ApplicationError with the fault's code as its type when there is none."""
        self._last += 1
        number = self._last
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._channel.send(Call(id=number, name=name, arguments=arguments))
            result = await answer
        except asyncio.CancelledError:
            self._channel.send(CancelCall(id=number))
            raise
        except (PydanticSerializationError, ValueError) as error:
            raise ApplicationError(
                f"{name}: the input cannot be sent: {error}",
                type="INPUT_INVALID",
                non_retryable=True,
            ) from None
        finally:
            del self._waiting[number]
        if result.fault is not None:
            raise ApplicationError(
                result.fault.message,
                type=result.fault.code,
                non_retryable=not result.fault.retryable,
            )
        return result.value

    def resolve(self, result: Result) -> None:
        """Hand an answer to whoever waits for it."""
        answer = self._waiting.get(result.id)
        if answer is not None and not answer.done():
            answer.set_result(result)

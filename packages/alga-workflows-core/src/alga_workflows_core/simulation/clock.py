"""Virtual time: an event loop that jumps to the next moment at which something happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

T = TypeVar("T")


class NothingEverHappens(Exception):  # noqa: N818 - a fact
    """All wait, and nothing is planned that could wake anyone."""


@dataclass(slots=True, eq=False)
class _Waiter:
    ready: Callable[[], bool]
    due: datetime | None
    place: tuple[int, ...]
    future: asyncio.Future[None]


@dataclass(slots=True)
class _Happening:
    at: datetime
    order: int
    deed: Callable[[], None]


class VirtualClock:
    """The time of a simulation. It stands still while anybody can go on.

    At one moment, what was planned happens first, in the order in which it was planned; then those
    who are due wake up. One wakes up at a time, the one with the least place (of equal ones that
    which has waited longest), and goes as far as it can.
    """

    def __init__(self, start: datetime) -> None:
        self.now = start
        self.moments = [start]
        """At which anything could happen, in order."""
        self._planned: list[_Happening] = []
        self._waiters: list[_Waiter] = []
        self._order = 0
        self._stop: datetime | None = None
        self._tasks: list[asyncio.Future[None]] = []
        self._failure: BaseException | None = None

    def stop_at(self, moment: datetime) -> None:
        """Let nothing happen behind a moment."""
        self._stop = moment

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something beside what runs already; its failure is that of the whole."""
        task = asyncio.ensure_future(coroutine)
        task.add_done_callback(self._beside_ended)
        self._tasks.append(task)

    def plan(self, at: datetime, deed: Callable[[], None]) -> None:
        """Let something happen at a moment; a past one is now."""
        self._order += 1
        self._planned.append(_Happening(max(at, self.now), self._order, deed))

    async def wait_until(
        self, ready: Callable[[], bool], due: datetime | None, place: tuple[int, ...] = ()
    ) -> None:
        """Return when `ready()`, asked whenever nobody can go on, or when it is `due`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(ready, due, place, future)
        self._waiters.append(waiter)
        await future

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end of `main`. NothingEverHappens if it never comes."""
        loop = asyncio.SelectorEventLoop(_Selector(self._advance))

        def ended(_: asyncio.Task[T]) -> None:
            loop.stop()

        task = loop.create_task(main)
        task.add_done_callback(ended)
        try:
            loop.run_forever()
            if self._failure is not None:
                raise self._failure
            if not task.done():
                raise NothingEverHappens
            return task.result()
        finally:
            task.remove_done_callback(ended)
            _close(loop)

    def _beside_ended(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            task.get_loop().stop()

    def _advance(self) -> bool:
        """Wake somebody; False if there is nobody to wake, ever."""
        if self._wake(lambda waiter: waiter.ready()):
            return True
        moments = [each.at for each in self._planned]
        moments += [waiter.due for waiter in self._waiters if waiter.due is not None]
        if not moments:
            return False
        if self._stop is not None and min(moments) > self._stop:
            self.now = max(self.now, self._stop)
            return False
        self._move_to(max(self.now, min(moments)))
        happening = [each for each in self._planned if each.at <= self.now]
        if happening:
            first = min(happening, key=lambda each: (each.at, each.order))
            self._planned.remove(first)
            first.deed()
            return True
        self._wake(lambda waiter: waiter.due is not None and waiter.due <= self.now)
        return True

    def _move_to(self, moment: datetime) -> None:
        if moment != self.now:
            self.now = moment
            self.moments.append(moment)

    def _wake(self, wakes: Callable[[_Waiter], bool]) -> bool:
        chosen = [waiter for waiter in self._waiters if wakes(waiter)]
        if chosen:
            first = min(chosen, key=lambda waiter: waiter.place)
            self._waiters.remove(first)
            first.future.set_result(None)
        return bool(chosen)


class _Selector(selectors.SelectSelector):
    """Instead of waiting for sockets, of which there are none that matter, time goes on."""

    def __init__(self, advance: Callable[[], bool]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (timeout is None or timeout > 0) and not self._advance():
            asyncio.get_running_loop().stop()
        return []


def _close(loop: asyncio.AbstractEventLoop) -> None:
    # What is left waits for what never comes; that it is told so now interests nobody.
    loop.set_exception_handler(_pass_over)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


def _pass_over(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """The handler of what is told while a loop is closed."""

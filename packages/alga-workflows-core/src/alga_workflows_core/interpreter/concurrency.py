"""Doing several things at a time: the only module of the interpreter that makes tasks.

Tasks begin in the order in which they are given and are gathered in it. Nothing is cancelled from
outside, and a failure, which is a bug, is raised at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def all_of(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Carry out `parts` side by side, until the last has ended."""
    await asyncio.gather(*parts)


async def beside(main: Coroutine[Any, Any, T], other: Coroutine[Any, Any, None]) -> T:
    """What `main` gives, when `other` has ended too."""
    result, _ = await asyncio.gather(main, other)
    return result

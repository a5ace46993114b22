"""What the log lines of the task at work have to keep quiet.

Whoever opens secrets says so here, and `telemetry` asks before it writes. The mask belongs to the
context: tasks and threads that are started inside (`asyncio.to_thread`) have it too, others not.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

TextMask: TypeAlias = Callable[[str], str]
"""A text without the secrets in it."""

_current: ContextVar[TextMask | None] = ContextVar("log_mask", default=None)


@contextmanager
def masked_logs(mask: TextMask) -> Generator[None]:
    """Every line that is logged inside, by whomever, is masked by `mask` (and by outer ones)."""
    outer = _current.get()
    token = _current.set(mask if outer is None else lambda text: outer(mask(text)))
    try:
        yield
    finally:
        _current.reset(token)


def current_mask() -> TextMask | None:
    """The mask of the context that asks; None if it has none."""
    return _current.get()

"""How often strangers may try."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

_WINDOW = 60.0
_MOST_PEERS = 10_000


class Pace:
    """At most `each` tries of one peer in a minute and `all_together` of all, in this process."""

    def __init__(
        self,
        *,
        each: int = 10,
        all_together: int = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._each = each
        self._all = all_together
        self._clock = clock
        # When each one's minute began, and its tries since.
        self._peers: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._together = (clock(), 0)

    def wait(self, peer: str) -> int:
        """Seconds to wait, 0 for none: then this was a try."""
        now = self._clock()
        began, tries = self._fresh(self._peers.get(peer, (now, 0)), now)
        all_began, all_tries = self._fresh(self._together, now)
        if tries >= self._each:
            return ceil(began + _WINDOW - now)
        if all_tries >= self._all:
            return ceil(all_began + _WINDOW - now)
        self._peers[peer] = (began, tries + 1)
        self._peers.move_to_end(peer)
        self._together = (all_began, all_tries + 1)
        if len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
        return 0

    def _fresh(self, counted: tuple[float, int], now: float) -> tuple[float, int]:
        return counted if now - counted[0] < _WINDOW else (now, 0)

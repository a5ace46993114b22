"""What a project's process writes, cut into lines that cannot grow without bound."""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 4096
"""Bytes of a line; what is longer is cut."""

PER_SECOND = 200
"""Lines of one stream in one second; how many more there were is told in one line."""


class Lines:
    """Takes what a pipe gives, hands out lines; `tick` is to be called every second."""

    def __init__(self, give: Callable[[str], None]) -> None:
        self._give = give
        self._rest = bytearray()
        self._is_cut = False
        self._given = 0
        self._left_out = 0

    def feed(self, data: bytes) -> None:
        """More bytes, in any pieces."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._keep(piece)
            self._end_line()
        self._keep(rest)

    def tick(self) -> None:
        """A second is over."""
        if self._left_out:
            self._give(f"… {self._left_out} more lines were left out")
        self._given = self._left_out = 0

    def close(self) -> None:
        """The pipe has ended."""
        if self._rest:
            self._end_line()
        self.tick()

    def _keep(self, piece: bytes) -> None:
        free = LONGEST - len(self._rest)
        self._is_cut = self._is_cut or len(piece) > free
        self._rest += piece[:free]

    def _end_line(self) -> None:
        if self._given < PER_SECOND:
            self._given += 1
            # Databases cannot hold the NUL character.
            text = self._rest.decode("utf-8", "replace").replace("\0", "\ufffd").rstrip("\r")
            self._give(f"{text} …" if self._is_cut else text)
        else:
            self._left_out += 1
        self._rest.clear()
        self._is_cut = False

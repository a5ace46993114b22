"""The control socket as a project's process has it: two threads, and the end with its end."""

from __future__ import annotations

import os
import queue
import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress

from alga_temporal_domain.projects.process.frames import (
    LONGEST_LINE,
    TO_CHILD,
    Result,
    Start,
    Stop,
    line,
)
from alga_workflows_core.types.model import Model

ORPHANED = 75
"""The exit code of a process whose supervisor is gone, or has lost its lease (EX_TEMPFAIL)."""

_CHUNK = 256 * 1024


class Channel:
    """Frames to and from the supervisor.

    Threads of its own, so that neither a blocked event loop nor a supervisor that reads slowly
    keeps the one from ending with the other.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._received = bytearray()
        self._outbox: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._early: list[Stop | Result] = []
        self._deliver: Callable[[Stop | Result], None] | None = None

    def start(self, seconds: float) -> Start:
        """The first frame, waited for in this thread. The process ends if none comes."""
        self._control.settimeout(seconds)
        try:
            frame = TO_CHILD.validate_json(self._line())
        except TimeoutError:
            os._exit(ORPHANED)
        self._control.settimeout(None)
        if not isinstance(frame, Start):
            raise TypeError(f"the first frame is a {frame.kind}")
        return frame

    def open(self) -> None:
        """Start the threads; from now on `send` works."""
        for work in (self._read, self._write):
            threading.Thread(target=work, name=f"control{work.__name__}", daemon=True).start()

    def attach(self, loop: AbstractEventLoop, deliver: Callable[[Stop | Result], None]) -> None:
        """Hand frames, those that came before too, to `deliver` in the loop."""

        def hand_over(frame: Stop | Result) -> None:
            with suppress(RuntimeError):  # the loop is closed: the process is ending
                loop.call_soon_threadsafe(deliver, frame)

        with self._lock:
            self._deliver = hand_over
            for frame in self._early:
                hand_over(frame)
            self._early.clear()

    def send(self, frame: Model) -> None:
        """Put the frame behind those before it; does not wait. ValueError if it cannot travel."""
        self._outbox.put(line(frame))

    def flush(self, seconds: float) -> None:
        """Wait until all that was sent has left, or the time is over."""
        left = threading.Event()
        self._outbox.put(left)
        left.wait(seconds)

    def _read(self) -> None:
        while True:
            frame = TO_CHILD.validate_json(self._line())
            if isinstance(frame, Start):
                continue
            with self._lock:
                if self._deliver is None:
                    self._early.append(frame)
                else:
                    self._deliver(frame)

    def _write(self) -> None:
        while True:
            item = self._outbox.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self._control.sendall(item)
            except OSError:
                os._exit(ORPHANED)

    def _line(self) -> bytes:
        searched = 0
        while True:
            end = self._received.find(b"\n", searched)
            if end >= 0:
                found = bytes(self._received[:end])
                del self._received[: end + 1]
                return found
            searched = len(self._received)
            if searched > LONGEST_LINE:
                os._exit(ORPHANED)
            try:
                data = self._control.recv(_CHUNK)
            except TimeoutError:
                raise
            except OSError:
                data = b""
            if not data:
                os._exit(ORPHANED)
            self._received += data

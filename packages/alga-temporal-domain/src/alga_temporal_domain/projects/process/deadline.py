"""The moment at which a process has to be gone, in memory that its supervisor shares with it.

Eight bytes: nanoseconds of CLOCK_MONOTONIC, 0 for none. One side writes, the others have a
descriptor for reading only.
"""

from __future__ import annotations

import mmap
import os
import signal
import threading
import time

_SIZE = 8
_INTERVAL = 0.2


class DeadlineWriter:
    """The supervisor's side. `reader_fd` is for who has to obey; the caller closes it."""

    def __init__(self) -> None:
        own = os.memfd_create("deadline", os.MFD_CLOEXEC)
        try:
            os.ftruncate(own, _SIZE)
            self._memory = mmap.mmap(own, _SIZE)
            # By its own name once more, since a duplicate could be written as well.
            self.reader_fd = os.open(f"/proc/self/fd/{own}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(own)
        self._cell = memoryview(self._memory).cast("q")

    def set(self, deadline: float) -> None:
        """`deadline` in seconds of `time.monotonic()`."""
        self._cell[0] = round(deadline * 1e9)

    def close(self) -> None:
        """Forget the memory; readers keep what was written last."""
        self._cell.release()
        self._memory.close()


class DeadlineReader:
    """The side of who has to obey."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, _SIZE, prot=mmap.PROT_READ)
        self._cell = memoryview(self._memory).cast("q")

    def get(self) -> float | None:
        """Seconds of `time.monotonic()`, or None."""
        nanoseconds = self._cell[0]
        return nanoseconds / 1e9 if nanoseconds else None

    def close(self) -> None:
        self._cell.release()
        self._memory.close()


def obey(deadline: DeadlineReader) -> None:
    """From now on the kernel ends this process at the deadline.

    A thread passes renewals on to the kernel's alarm. Code that never gives the interpreter's lock
    back keeps it from doing so, and is then ended by the alarm that was set before.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    armed = _arm(deadline.get(), None)
    threading.Thread(target=_pass_on, args=(deadline, armed), name="deadline", daemon=True).start()


def _pass_on(deadline: DeadlineReader, armed: float | None) -> None:
    while True:
        time.sleep(_INTERVAL)
        armed = _arm(deadline.get(), armed)


def _arm(wanted: float | None, armed: float | None) -> float | None:
    if wanted is not None and wanted != armed:
        # Zero would disarm it.
        signal.setitimer(signal.ITIMER_REAL, max(wanted - time.monotonic(), 0.001))
    return wanted

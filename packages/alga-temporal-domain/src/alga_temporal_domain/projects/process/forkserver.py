"""The program that forks projects' processes: `python -m … <descriptor of the control socket>`.

It has imported what they need, and holds neither a connection nor a secret. It ends, with all that
it forked, when its control socket is closed. Requests and reports are JSON, one per packet:

    {"fork": id}, and control, stdout, stderr, deadline    {"id", "pid"} or {"id", "error"}
    {"kill": id}                                           {"id", "ended", "fenced", "peak"}
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

from alga_temporal_domain.projects.process import child
from alga_temporal_domain.projects.process.deadline import DeadlineReader

DESCRIPTORS = 4
LONGEST_PACKET = 4096

_INTERVAL = 0.25
# The kernel's alarm in the process itself comes first, unless its code has found a way to block it.
_PATIENCE = 0.5
_CONTROL = 3
_DEADLINE = 4
_FIRST_FREE = 5
_OUT_OF_THE_WAY = 100


@dataclass(slots=True, kw_only=True)
class _Forked:
    id: int
    deadline: DeadlineReader
    fenced: bool = False


class Forkserver:
    """Forks, reaps and reports, in one thread."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Forked] = {}

    def serve(self) -> None:
        """Return when the control socket is closed; no child is left then."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        self._report(ready=os.getpid())
        try:
            while True:
                pause = _INTERVAL if self._children else None
                readable, _, _ = select.select([self._control, wake], [], [], pause)
                if wake in readable:
                    wake.recv(4096)
                    self._reap()
                self._fence()
                if self._control in readable and not self._take():
                    return
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)

    def _take(self) -> bool:
        data, descriptors, _flags, _address = socket.recv_fds(
            self._control, LONGEST_PACKET, DESCRIPTORS
        )
        if not data:
            return False
        request: dict[str, Any] = json.loads(data)
        if "fork" in request:
            self._fork(request["fork"], descriptors)
        elif "kill" in request:
            for pid, forked in self._children.items():
                if forked.id == request["kill"]:
                    os.kill(pid, signal.SIGKILL)
        return True

    def _fork(self, number: int, descriptors: list[int]) -> None:
        try:
            control, out, error, deadline = descriptors
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                _be_child(parent, control, out, error, deadline)
            self._children[pid] = _Forked(id=number, deadline=DeadlineReader(deadline))
            self._report(id=number, pid=pid)
        except (OSError, ValueError) as fault:
            self._report(id=number, error=str(fault))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _reap(self) -> None:
        while self._children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            forked = self._children.pop(pid)
            forked.deadline.close()
            self._report(
                id=forked.id, ended=status, fenced=forked.fenced, peak=usage.ru_maxrss * 1024
            )

    def _fence(self) -> None:
        now = time.monotonic()
        for pid, forked in self._children.items():
            deadline = forked.deadline.get()
            if deadline is not None and now >= deadline + _PATIENCE:
                forked.fenced = True
                os.kill(pid, signal.SIGKILL)

    def _report(self, **report: object) -> None:
        self._control.sendall(json.dumps(report).encode())


def _be_child(parent: int, control: int, out: int, error: int, deadline: int) -> NoReturn:
    """Become the process: its own descriptors, no signals of ours, a group of its own."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        wanted = {0: nothing, 1: out, 2: error, _CONTROL: control, _DEADLINE: deadline}
        high = {
            place: fcntl.fcntl(descriptor, fcntl.F_DUPFD, _OUT_OF_THE_WAY)
            for place, descriptor in wanted.items()
        }
        for place, descriptor in high.items():
            os.dup2(descriptor, place, inheritable=False)
        os.closerange(_FIRST_FREE, os.sysconf("SC_OPEN_MAX"))
        child.run(parent=parent, control_fd=_CONTROL, deadline_fd=_DEADLINE)
    except BaseException:  # noqa: BLE001 - the code after the fork is the server's, not ours
        traceback.print_exc()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(child.CRASHED)


def main(arguments: list[str]) -> int:
    """Serve on the socket whose descriptor is the only argument."""
    control = socket.socket(fileno=int(arguments[0]))
    os.set_inheritable(control.fileno(), False)
    child.preload()
    gc.collect()
    # Their pages stay shared as long as no collector writes into them.
    gc.freeze()
    Forkserver(control).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

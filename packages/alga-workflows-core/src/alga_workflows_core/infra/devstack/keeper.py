"""Runs one server for a parent process, and ends the server when the parent is gone.

A script of the standard library alone, started as
`python -I -S keeper.py SIGNAL GRACE USER:GROUP|- COMMAND...`.
Standard input is a pipe that only the parent holds open: when it ends, however the parent ended,
the server gets SIGNAL and, GRACE seconds later, SIGKILL. Standard output gets the server's process
id in one line; the server writes to the keeper's standard error. Exits as the server did.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def main(arguments: list[str]) -> int:
    """Run the server to its end; the exit status is the server's."""
    stop_signal, grace, account, *command = arguments
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    received: list[int] = []
    # Handlers, not SIG_IGN: the server would inherit an ignored signal.
    for number in (signal.SIGCHLD, *_STOP_SIGNALS):
        signal.signal(number, lambda number, _: received.append(number))
    try:
        server = _start(command, account)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error}\n")
        return 127
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{server.pid}\n".encode())
    while server.poll() is None and not _STOP_SIGNALS.intersection(received):
        readable, _, _ = select.select([0, wake_read], [], [])
        if wake_read in readable:
            os.read(wake_read, 512)
        if 0 in readable and os.read(0, 1) == b"":
            break
    return _end(server, int(stop_signal), float(grace))


def _start(command: list[str], account: str) -> subprocess.Popen[bytes]:
    # Only the server changes its user: the keeper must stay able to signal it.
    user, group = (int(part) for part in account.split(":")) if account != "-" else (None, None)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        process_group=0,
        user=user,
        group=group,
        extra_groups=None if group is None else [],
    )


def _end(server: subprocess.Popen[bytes], stop_signal: int, grace: float) -> int:
    if server.poll() is None:
        server.send_signal(stop_signal)
        try:
            server.wait(grace)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)  # what it started must not outlive it
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

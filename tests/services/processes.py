"""What processes there are, read from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """One process; `started` tells it from a later one with the same id."""

    pid: int
    started: str


def descendants(pid: int) -> set[Process]:
    """The children of a process, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for number in _ids():
        found = _stat(number)
        if found is not None:
            parent, process = found
            children.setdefault(parent, []).append(process)
    below: set[Process] = set()
    waiting = [pid]
    while waiting:
        for process in children.get(waiting.pop(), ()):
            below.add(process)
            waiting.append(process.pid)
    return below


def alive(processes: set[Process]) -> set[Process]:
    """Those that have not ended."""
    return {
        process
        for process in processes
        if (found := _stat(process.pid)) is not None and found[1] == process
    }


def mentioning(text: str) -> list[str]:
    """The command lines, of processes other than this one, in which `text` occurs."""
    found: list[str] = []
    for number in _ids():
        try:
            line = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in line and number != os.getpid():
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


def resident_bytes(pid: int) -> int:
    """How much memory a process has in use; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _ids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid: int) -> tuple[int, Process] | None:
    """The parent's id and the process; None if it has ended, even if nobody has waited for it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, parent, started = fields[0], int(fields[1]), fields[19]
    return None if state in "ZX" else (parent, Process(pid, started))

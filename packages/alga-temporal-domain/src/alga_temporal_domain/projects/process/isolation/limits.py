"""Limits that every kernel knows: memory, files, privileges, another user."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

from alga_temporal_domain.projects.process.isolation import syscalls
from alga_temporal_domain.projects.process.isolation.kernel import (
    PR_CAPBSET_DROP,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    prctl,
    system_call,
)

_MEGABYTE = 1024 * 1024
_FILES = 256
_THREADS_OF_A_USER = 512
_CAPABILITY_VERSION = 0x20080522
_MOST_CAPABILITIES = 64

STACK = _MEGABYTE
"""Bytes of address space that each thread of a project's process has for its stack."""


def become(uid: int) -> None:
    """Go on as that user and group, without others, for good. OSError without the privilege."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    resource.setrlimit(resource.RLIMIT_NPROC, (_THREADS_OF_A_USER, _THREADS_OF_A_USER))


def drop_capabilities() -> None:
    """Whoever is root is so in name only: no raising of limits, no files of others."""
    for number in range(_MOST_CAPABILITIES):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError:
            break
    machine = syscalls.machine()
    number = None if machine is None else syscalls.CAPSET.on(machine)
    if number is None:
        raise ValueError("the number of capset is not known on this machine")
    head = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    system_call(number, head, ctypes.create_string_buffer(24))


def end_with(parent: int) -> None:
    """Be killed when `parent`, which has to be the parent, ends."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def hide_memory() -> None:
    """No core dumps, and no looking into this process by others of its user."""
    prctl(PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def no_new_privileges() -> None:
    """No program that is started gives more rights; filters and Landlock ask for it."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def limit(*, memory_mb: int, threads: int) -> int:
    """Bound data, files and written bytes; the bytes of data that are allowed.

    Data is counted by address space, stacks of threads too, so that what the process has already,
    and `threads` stacks, come on top of `memory_mb`.
    """
    allowed = _data_now() + (memory_mb + 64) * _MEGABYTE + threads * STACK
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return allowed


def _data_now() -> int:
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 128 * _MEGABYTE

"""A filter of system calls: no other program, no other process, no other user, no server.

Threads are let through, and of sockets those of IPv4 and IPv6, or none. What is refused answers
EPERM, so that a library says what it could not do; only a foreign machine's calls end the process.
"""

from __future__ import annotations

import ctypes
import struct
from errno import EACCES, ENOSYS, EPERM

from alga_temporal_domain.projects.process.isolation import syscalls
from alga_temporal_domain.projects.process.isolation.kernel import PR_SET_SECCOMP, prctl
from alga_temporal_domain.projects.process.isolation.syscalls import Call, Machine

_MODE_FILTER = 2
_LOAD = 0x20
_EQUAL = 0x15
_AT_LEAST = 0x35
_HAS_BITS = 0x45
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000

# Where `struct seccomp_data` has them.
_NUMBER = 0
_ARCH = 4
_FIRST_ARGUMENT = 16

_X32 = 0x40000000
_CLONE_THREAD = 0x00010000
_FAMILIES = (2, 10)  # AF_INET and AF_INET6; resolvers do without AF_UNIX and AF_NETLINK


def program(machine: Machine, *, pid: int, network: bool) -> bytes:
    """The filter for the process `pid` as instructions of classic BPF."""
    code = [
        _one(_LOAD, k=_ARCH),
        _one(_EQUAL, 1, 0, syscalls.AUDIT_ARCH[machine]),
        _one(_RETURN, k=_KILL),
        _one(_LOAD, k=_NUMBER),
    ]
    if machine == "x86_64":
        code += [_one(_AT_LEAST, 0, 1, _X32), _refuse(EPERM)]
    for call in syscalls.REFUSED.values():
        code += _when(call, machine, _refuse(EPERM))
    # The C library falls back on clone, whose flags a filter can see.
    code += _when(syscalls.CLONE3, machine, _refuse(ENOSYS))
    code += _when(
        syscalls.CLONE,
        machine,
        _one(_LOAD, k=_FIRST_ARGUMENT),
        _one(_HAS_BITS, 1, 0, _CLONE_THREAD),
        _refuse(EPERM),
        _one(_RETURN, k=_ALLOW),
    )
    code += _first_argument_in(syscalls.TGKILL, machine, (pid,), EPERM)
    code += _first_argument_in(syscalls.PRLIMIT64, machine, (0, pid), EPERM)
    if network:
        code += _first_argument_in(syscalls.SOCKET, machine, _FAMILIES, EACCES)
    else:
        code += _when(syscalls.SOCKET, machine, _refuse(EACCES))
    code.append(_one(_RETURN, k=_ALLOW))
    return b"".join(code)


def install(code: bytes) -> None:
    """Put the process, and every thread that it will start, under the filter, for good.

    `no_new_privs` has to be set. OSError when the kernel has no filters.
    """
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    pointer = ctypes.cast(ctypes.create_string_buffer(head, len(head)), ctypes.c_void_p)
    prctl(PR_SET_SECCOMP, _MODE_FILTER, pointer)


def missing() -> str | None:
    """Why there are no filters here, or None. Changes nothing."""
    if syscalls.machine() is None:
        return "the numbers of this machine's system calls are not known"
    try:
        # Without a program: a kernel with filters says that the address is wrong.
        prctl(PR_SET_SECCOMP, _MODE_FILTER)
    except OSError as error:
        is_there = error.errno == 14  # EFAULT
        return None if is_there else f"the kernel says: {error.strerror}"
    return None


def _one(code: int, if_true: int = 0, if_false: int = 0, k: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, k)


def _refuse(error: int) -> bytes:
    return _one(_RETURN, k=_ERRNO | error)


def _when(call: Call, machine: Machine, *then: bytes) -> list[bytes]:
    """`then`, which has to return, when the call's number is loaded; else what follows."""
    number = call.on(machine)
    return [] if number is None else [_one(_EQUAL, 0, len(then), number), *then]


def _first_argument_in(
    call: Call, machine: Machine, allowed: tuple[int, ...], error: int
) -> list[bytes]:
    tests = [_one(_EQUAL, len(allowed) - index, 0, value) for index, value in enumerate(allowed)]
    return _when(
        call,
        machine,
        _one(_LOAD, k=_FIRST_ARGUMENT),
        *tests,
        _refuse(error),
        _one(_RETURN, k=_ALLOW),
    )

"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39


def system_call(number: int, *arguments: object) -> int:
    """What the kernel answers; OSError with its reason when that is a refusal."""
    library = ctypes.CDLL(None, use_errno=True)
    answer: int = library.syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def prctl(option: int, *arguments: int | ctypes.c_void_p) -> int:
    """`prctl(2)`; OSError with the kernel's reason."""
    library = ctypes.CDLL(None, use_errno=True)
    wide = [one if isinstance(one, ctypes.c_void_p) else ctypes.c_ulong(one) for one in arguments]
    wide += [ctypes.c_ulong(0)] * (4 - len(wide))
    answer: int = library.prctl(ctypes.c_int(option), *wide)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer

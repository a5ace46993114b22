"""Landlock: which files may be read, which TCP ports called, and no signals to others.

It cannot say to which *address* a connection goes, it does not know UDP, and it lets the process
use what was open before.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from alga_temporal_domain.projects.process.isolation import syscalls
from alga_temporal_domain.projects.process.isolation.kernel import system_call

_VERSION_FLAG = 1
_RULE_PATH = 1
_RULE_PORT = 2
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_TRUNCATE = 1 << 14
_CONNECT_TCP = 1 << 1

# By ABI: how many rights on files there are, and from which version on there is more.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_NOW = 16
_KNOWS_NETWORK = 4
_KNOWS_SCOPES = 6
_BIND_AND_CONNECT = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


def version() -> int:
    """The ABI that the kernel speaks; OSError when it has no Landlock, or it is off."""
    return system_call(
        syscalls.LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG)
    )


def restrict(*, read: Iterable[Path], use: Iterable[Path], ports: Iterable[int]) -> int:
    """Leave the process, and threads to come, `read` for reading, `use` (devices) for reading and
    writing, and TCP connections to `ports`; the ABI.

    Paths that are not there are left out. `no_new_privs` has to be set. OSError otherwise.
    """
    abi = version()
    files = (1 << _FILE_RIGHTS.get(abi, _FILE_RIGHTS_NOW)) - 1
    head = struct.pack(
        "QQQ",
        files,
        _BIND_AND_CONNECT if abi >= _KNOWS_NETWORK else 0,
        _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= _KNOWS_SCOPES else 0,
    )
    size = 24 if abi >= _KNOWS_SCOPES else 16 if abi >= _KNOWS_NETWORK else 8
    rules = system_call(
        syscalls.LANDLOCK_CREATE_RULESET, head, ctypes.c_size_t(size), ctypes.c_uint(0)
    )
    try:
        for path in read:
            _allow_path(rules, path, _READ_FILE | (_READ_DIR if path.is_dir() else 0))
        for path in use:
            _allow_path(rules, path, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & files)
        if abi >= _KNOWS_NETWORK:
            for port in ports:
                _add(rules, _RULE_PORT, struct.pack("=QQ", _CONNECT_TCP, port))
        system_call(syscalls.LANDLOCK_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0))
    finally:
        os.close(rules)
    return abi


def _allow_path(rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _add(rules, _RULE_PATH, struct.pack("=Qi", rights, place))
    finally:
        os.close(place)


def _add(rules: int, kind: int, rule: bytes) -> None:
    system_call(
        syscalls.LANDLOCK_ADD_RULE,
        ctypes.c_int(rules),
        ctypes.c_int(kind),
        rule,
        ctypes.c_uint(0),
    )

"""The walls around a project's process: putting them up, and saying which of them stand."""

from __future__ import annotations

import os
import ssl
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alga_temporal_domain.projects.process.isolation import landlock, limits, seccomp, syscalls
from alga_temporal_domain.projects.process.isolation.kernel import PR_GET_NO_NEW_PRIVS, prctl

_READ = (
    *("/usr", "/lib", "/lib64", "/etc/ssl", "/etc/pki", "/etc/ca-certificates"),
    *("/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"),
    *("/etc/localtime", "/dev/urandom", "/dev/random"),
)
_USE = ("/dev/null",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a process is left with.

    `ports`: TCP ports that it may call; None: no network at all. `uid`: the user that it becomes.
    """

    parent: int
    memory_mb: int
    threads: int
    ports: tuple[int, ...] | None
    uid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """One wall; `why`: what it is worth here, or why it does not stand."""

    name: str
    in_force: bool
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {'in force' if self.in_force else 'not in force'} ({self.why})"


def isolate(plan: Plan) -> tuple[Wall, ...]:
    """Put up every wall that this machine has, before the process has a second thread.

    A wall that fails leaves the others standing; the answer tells.
    """
    put_up = [_try("own user", lambda: _own_user(plan.uid))]
    put_up += [
        _try("capabilities", lambda: _told(limits.drop_capabilities(), "none left")),
        _try("end with parent", lambda: _told(limits.end_with(plan.parent), "SIGKILL")),
        _try("hidden memory", lambda: _told(limits.hide_memory(), "no dumps, no tracing")),
        _try("limits", lambda: _limits(plan)),
        _try("no new privileges", lambda: _told(limits.no_new_privileges(), "set")),
        _try("landlock", lambda: _landlock(plan)),
        _try("seccomp", lambda: _seccomp(plan)),
    ]
    return tuple(put_up)


def in_force(*, first_uid: int | None = None) -> tuple[Wall, ...]:
    """Which walls the processes of this machine get; probes that change nothing."""
    return (
        _try("landlock", _probe_landlock),
        _try("seccomp", _probe_seccomp),
        _try("no new privileges", lambda: _told(prctl(PR_GET_NO_NEW_PRIVS), "the kernel has it")),
        _try("own user", lambda: _probe_user(first_uid)),
        _try("limits", lambda: "RLIMIT_DATA, NOFILE, FSIZE, CORE"),
        _try("memory watchdog", _probe_memory),
    )


def users_fault(first_uid: int | None) -> str | None:
    """Why processes do not get users of their own from `first_uid` on, None if they do."""
    if first_uid is None:
        return "not configured"
    if os.geteuid() != 0:
        return "only root gives processes another user"
    read = (sys.prefix, sys.base_prefix, *filter(os.path.isabs, sys.path))
    for root in (Path(one).resolve() for one in dict.fromkeys(read) if Path(one).exists()):
        for place in (root, *root.parents):
            if place.is_dir() and not place.stat().st_mode & stat.S_IXOTH:
                return f"other users cannot read Python, because of {place}"
    return None


def readable() -> tuple[Path, ...]:
    """What Python, the libraries and TLS read, and nothing else."""
    certificates = ssl.get_default_verify_paths()
    places = [sys.prefix, sys.base_prefix, *filter(os.path.isabs, sys.path), *_READ]
    places += [one for one in (certificates.cafile, certificates.capath) if one]
    return tuple(Path(place) for place in dict.fromkeys(places))


def _try(name: str, put_up: Callable[[], str]) -> Wall:
    try:
        return Wall(name=name, in_force=True, why=put_up())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Wall(name=name, in_force=False, why=why)


def _told(_done: object, told: str) -> str:
    return told


def _own_user(uid: int | None) -> str:
    if uid is None:
        raise ValueError("not configured")
    limits.become(uid)
    return f"uid {uid}"


def _limits(plan: Plan) -> str:
    allowed = limits.limit(memory_mb=plan.memory_mb, threads=plan.threads)
    return f"{allowed // 1024**2} MiB of data"


def _landlock(plan: Plan) -> str:
    use = tuple(Path(place) for place in _USE)
    return f"ABI {landlock.restrict(read=readable(), use=use, ports=plan.ports or ())}"


def _seccomp(plan: Plan) -> str:
    machine = syscalls.machine()
    if machine is None:
        raise ValueError("the numbers of this machine's system calls are not known")
    code = seccomp.program(machine, pid=os.getpid(), network=plan.ports is not None)
    seccomp.install(code)
    return f"{len(code) // 8} instructions"


def _probe_landlock() -> str:
    abi = landlock.version()
    return f"ABI {abi}" + ("" if abi >= 6 else ", without " + _lacks(abi))


def _lacks(abi: int) -> str:
    return "signals" if abi >= 4 else "network and signals"


def _probe_seccomp() -> str:
    missing = seccomp.missing()
    if missing is not None:
        raise ValueError(missing)
    return "filter"


def _probe_user(first_uid: int | None) -> str:
    fault = users_fault(first_uid)
    if fault is not None:
        raise ValueError(fault)
    return f"from uid {first_uid} on"


def _probe_memory() -> str:
    Path("/proc/self/statm").read_text("ascii")
    return "by /proc"

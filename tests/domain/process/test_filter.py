"""The filter of system calls, read as the kernel reads it, for machines that are not this one."""

from __future__ import annotations

import struct
from errno import EACCES, ENOSYS, EPERM
from typing import NamedTuple

import pytest

from alga_temporal_domain.projects.process.isolation import syscalls
from alga_temporal_domain.projects.process.isolation.seccomp import program
from alga_temporal_domain.projects.process.isolation.syscalls import Machine

PID = 4711
ALLOWED = 0x7FFF0000
KILLED = 0x80000000
THREAD = 0x003D0F00


class Step(NamedTuple):
    code: int
    if_true: int
    if_false: int
    value: int


def verdict(code: bytes, number: int, first: int = 0, *, arch: int) -> int:
    """What the kernel would answer: classic BPF with the four instructions that are used."""
    steps = [Step(*struct.unpack_from("HBBI", code, at)) for at in range(0, len(code), 8)]
    data = {0: number, 4: arch, 16: first & 0xFFFFFFFF}
    loaded = at = 0
    while True:
        step = steps[at]
        at += 1
        if step.code == 0x06:
            return step.value
        if step.code == 0x20:
            loaded = data[step.value]
            continue
        is_so = {
            0x15: loaded == step.value,
            0x35: loaded >= step.value,
            0x45: bool(loaded & step.value),
        }[step.code]
        at += step.if_true if is_so else step.if_false


def refused(error: int) -> int:
    return 0x00050000 | error


MACHINES = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


@MACHINES
def test_what_is_refused(machine: Machine) -> None:
    """Every call of the table, and nothing of what threads, files and sockets need."""
    code = program(machine, pid=PID, network=True)
    arch = syscalls.AUDIT_ARCH[machine]
    for name, call in syscalls.REFUSED.items():
        number = call.on(machine)
        if number is not None:
            assert verdict(code, number, arch=arch) == refused(EPERM), name
    for number in {"x86_64": (0, 1, 9, 202, 257, 42, 13), "aarch64": (63, 64, 222, 98, 56, 203)}[
        machine
    ]:
        assert verdict(code, number, arch=arch) == ALLOWED, number


@MACHINES
def test_what_depends_on_its_argument(machine: Machine) -> None:
    """Threads but no processes, signals to itself, limits of itself, sockets of IP."""
    code = program(machine, pid=PID, network=True)
    arch = syscalls.AUDIT_ARCH[machine]

    def of(call: syscalls.Call, first: int) -> int:
        number = call.on(machine)
        assert number is not None
        return verdict(code, number, first, arch=arch)

    assert of(syscalls.CLONE, THREAD) == ALLOWED
    assert of(syscalls.CLONE, 17) == refused(EPERM)
    assert of(syscalls.CLONE3, 0) == refused(ENOSYS)
    assert of(syscalls.TGKILL, PID) == ALLOWED
    assert of(syscalls.TGKILL, PID + 1) == refused(EPERM)
    assert of(syscalls.PRLIMIT64, 0) == ALLOWED
    assert of(syscalls.PRLIMIT64, 1) == refused(EPERM)
    assert [of(syscalls.SOCKET, family) for family in (2, 10)] == [ALLOWED, ALLOWED]
    assert [of(syscalls.SOCKET, family) for family in (1, 16, 17)] == [refused(EACCES)] * 3


@MACHINES
def test_a_trial_has_no_sockets(machine: Machine) -> None:
    """Without a network no socket can be made."""
    code = program(machine, pid=PID, network=False)
    number = syscalls.SOCKET.on(machine)
    assert number is not None
    assert verdict(code, number, 2, arch=syscalls.AUDIT_ARCH[machine]) == refused(EACCES)


@MACHINES
def test_calls_of_another_machine_end_the_process(machine: Machine) -> None:
    """Their numbers mean something else; nor is there a second way in on x86_64."""
    code = program(machine, pid=PID, network=True)
    assert verdict(code, 0, arch=0x40000003) == KILLED
    if machine == "x86_64":
        arch = syscalls.AUDIT_ARCH[machine]
        assert verdict(code, 0x40000000 + 59, arch=arch) == refused(EPERM)

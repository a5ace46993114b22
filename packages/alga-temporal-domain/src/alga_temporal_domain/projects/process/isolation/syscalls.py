"""Numbers of system calls by machine.

x86_64: Linux' `arch/x86/include/generated/uapi/asm/unistd_64.h`; aarch64:
`include/uapi/asm-generic/unistd.h`. -1: the machine has no such call.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Literal, TypeAlias

Machine: TypeAlias = Literal["x86_64", "aarch64"]

AUDIT_ARCH: dict[Machine, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What seccomp calls the machine: `include/uapi/linux/audit.h`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call."""

    x86_64: int
    aarch64: int

    def on(self, machine: Machine) -> int | None:
        """Its number there, or None."""
        number = self.x86_64 if machine == "x86_64" else self.aarch64
        return None if number < 0 else number


REFUSED: dict[str, Call] = {
    # Other programs and processes.
    "execve": Call(59, 221),
    "execveat": Call(322, 281),
    "fork": Call(57, -1),
    "vfork": Call(58, -1),
    "ptrace": Call(101, 117),
    "process_vm_readv": Call(310, 270),
    "process_vm_writev": Call(311, 271),
    "process_madvise": Call(440, 440),
    "process_mrelease": Call(448, 448),
    "kcmp": Call(312, 272),
    "pidfd_open": Call(434, 434),
    "pidfd_getfd": Call(438, 438),
    "pidfd_send_signal": Call(424, 424),
    "kill": Call(62, 129),
    "tkill": Call(200, 130),
    "rt_sigqueueinfo": Call(129, 138),
    "rt_tgsigqueueinfo": Call(297, 240),
    "setsid": Call(112, 157),
    "setpgid": Call(109, 154),
    "setpriority": Call(141, 140),
    "ioprio_set": Call(251, 30),
    # Name spaces, mounts, files by another way than their path.
    "unshare": Call(272, 97),
    "setns": Call(308, 268),
    "mount": Call(165, 40),
    "umount2": Call(166, 39),
    "pivot_root": Call(155, 41),
    "chroot": Call(161, 51),
    "open_tree": Call(428, 428),
    "move_mount": Call(429, 429),
    "fsopen": Call(430, 430),
    "fsconfig": Call(431, 431),
    "fsmount": Call(432, 432),
    "fspick": Call(433, 433),
    "mount_setattr": Call(442, 442),
    "open_by_handle_at": Call(304, 265),
    "name_to_handle_at": Call(303, 264),
    "mknod": Call(133, -1),
    "mknodat": Call(259, 33),
    "swapon": Call(167, 224),
    "swapoff": Call(168, 225),
    "quotactl": Call(179, 60),
    "fanotify_init": Call(300, 262),
    "acct": Call(163, 89),
    # The kernel itself.
    "bpf": Call(321, 280),
    "perf_event_open": Call(298, 241),
    "userfaultfd": Call(323, 282),
    "io_uring_setup": Call(425, 425),
    "io_uring_enter": Call(426, 426),
    "io_uring_register": Call(427, 427),
    "init_module": Call(175, 105),
    "finit_module": Call(313, 273),
    "delete_module": Call(176, 106),
    "kexec_load": Call(246, 104),
    "kexec_file_load": Call(320, 294),
    "reboot": Call(169, 142),
    "syslog": Call(103, 116),
    "personality": Call(135, 92),
    "modify_ldt": Call(154, -1),
    "iopl": Call(172, -1),
    "ioperm": Call(173, -1),
    "add_key": Call(248, 217),
    "request_key": Call(249, 218),
    "keyctl": Call(250, 219),
    "sethostname": Call(170, 161),
    "setdomainname": Call(171, 162),
    "settimeofday": Call(164, 170),
    "clock_settime": Call(227, 112),
    "adjtimex": Call(159, 171),
    "clock_adjtime": Call(305, 266),
    # Memory that outlives the process, and is counted to nobody.
    "shmget": Call(29, 194),
    "msgget": Call(68, 186),
    "semget": Call(64, 190),
    "mq_open": Call(240, 180),
    "memfd_create": Call(319, 279),
    "memfd_secret": Call(447, 447),
    # Other users.
    "setuid": Call(105, 146),
    "setgid": Call(106, 144),
    "setreuid": Call(113, 145),
    "setregid": Call(114, 143),
    "setresuid": Call(117, 147),
    "setresgid": Call(119, 149),
    "setgroups": Call(116, 159),
    "setfsuid": Call(122, 151),
    "setfsgid": Call(123, 152),
    # Servers.
    "listen": Call(50, 201),
    "bind": Call(49, 200),
}
"""What a project's process has no use for."""

CLONE = Call(56, 220)
CLONE3 = Call(435, 435)
TGKILL = Call(234, 131)
PRLIMIT64 = Call(302, 261)
SOCKET = Call(41, 198)
CAPSET = Call(126, 91)

# The same on every machine.
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446


def machine() -> Machine | None:
    """The machine that this is, if its numbers are known."""
    name = platform.machine()
    return name if name in ("x86_64", "aarch64") else None

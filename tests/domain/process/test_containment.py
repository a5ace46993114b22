"""What a project's code may try, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from alga_temporal_domain.projects.process.endings import EndingKind
from alga_temporal_domain.projects.process.frames import Told
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.process.lines import LONGEST, PER_SECOND
from alga_temporal_domain.projects.process.measuring import Collector
from alga_temporal_domain.projects.process.pace import FRAMES
from tests.domain.process.conftest import (
    DEADLINE,
    SOURCE,
    Project,
    bundle,
    end_of,
    launched,
)

HOLDS_THE_LOCK = "import re\nre.match('(a+)+$', 'a' * 60 + 'b')\n"
SPINS = "while True:\n    pass\n"

# What the gates refuse to activate; here it runs, so that the walls behind them are seen.
PROBE = """
import ctypes
import mmap
import os
import resource
import signal
import socket
import subprocess


def open_for_reading(path):
    with open(path) as file:
        return file.read(1)


def connect(port):
    socket.create_connection(("127.0.0.1", port), 1).close()


def clone():
    number = 56 if os.uname().machine == "x86_64" else 220
    pid = ctypes.CDLL(None, use_errno=True).syscall(number, 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")


def trace(pid):
    if ctypes.CDLL(None, use_errno=True).ptrace(16, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def more_memory():
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@activity.defn
async def attempt(asked: dict) -> str:
    try:
        eval(asked["code"])
    except OSError as error:
        return f"refused {error.errno}"
    except ValueError as error:
        return f"refused {error}"
    return "done"


@activity.defn
async def hog(megabytes: int) -> str:
    kept = bytearray(megabytes * 1024 * 1024)
    return str(len(kept))


@activity.defn
async def share(megabytes: int) -> str:
    memory = mmap.mmap(-1, megabytes * 1024 * 1024)
    for place in range(0, len(memory), 4096):
        memory[place] = 1
    await asyncio.sleep(20)
    return "done"


@activity.defn
async def chatter(lines: int) -> str:
    for number in range(lines):
        print(f"line {number} " + "x" * 100)
    return "done"


@activity.defn
def say(asked: dict) -> str:
    data = asked["text"].encode() * asked["times"]
    socket.socket(fileno=os.dup(3)).sendall(data)
    return "done"


@activity.defn
async def shriek(size: int) -> str:
    print("x" * size)
    return "done"
"""

PROBES = ("shout", "take_time", "attempt", "hog", "share", "chatter", "say", "shriek")


def is_gone(pid: int) -> bool:
    """Whether there is no such process, or only what nobody has reaped yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


async def until_gone(*pids: int, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not all(map(is_gone, pids)):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.02)


def probing(**options: Any) -> Any:
    return bundle(SOURCE + PROBE, activities=PROBES, **options)


async def test_the_deadline_ends_code_that_holds_the_interpreters_lock(project: Project) -> None:
    """The kernel's alarm needs no interpreter."""
    order = project.order(bundle(HOLDS_THE_LOCK, workflows=(), activities=("none",)))
    child = await project.begin(order, deadline=time.monotonic() + 0.6)
    began = time.monotonic()
    ending = await end_of(child)
    assert (ending.kind, ending.signal) == (EndingKind.FENCED, signal.SIGALRM)
    assert time.monotonic() - began < 2


async def test_the_deadline_ends_code_that_ignores_the_alarm(project: Project) -> None:
    """The forkserver, which project code cannot reach, looks at deadlines too."""
    source = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n" + SPINS
    order = project.order(bundle(source, workflows=(), activities=("none",)))
    child = await project.begin(order, deadline=time.monotonic() + 0.3)
    ending = await end_of(child)
    assert ending.kind is EndingKind.FENCED


async def test_a_renewed_process_lives_on(project: Project) -> None:
    """Deadlines move; without a further renewal the last one counts."""
    child = await project.begin(project.order(bundle()), deadline=time.monotonic() + 1)
    began = time.monotonic()
    await child.ready(DEADLINE)
    child.renew(began + 1.4)
    ending = await end_of(child)
    assert ending.kind is EndingKind.FENCED
    assert 1.3 < time.monotonic() - began < 3


async def test_a_silent_process_is_hung(project: Project) -> None:
    """Who says nothing for too long is killed, although it has a lease."""
    async with launched(Launcher(silence=1)) as impatient:
        project.launcher = impatient
        order = project.order(bundle(HOLDS_THE_LOCK, workflows=(), activities=("none",)))
        child = await project.begin(order)
        ending = await end_of(child)
        assert (ending.kind, ending.signal) == (EndingKind.HUNG, signal.SIGKILL)


async def test_processes_do_not_outlive_the_forkserver(project: Project) -> None:
    """When it dies its children die, their ends are told, and there is a new one."""
    async with launched(Launcher()) as launcher:
        project.launcher = launcher
        child = await project.start()
        assert launcher.forkserver_pid is not None
        os.kill(launcher.forkserver_pid, signal.SIGKILL)
        ending = await end_of(child)
        assert (ending.kind, ending.exit_code, ending.signal) == (EndingKind.CRASHED, None, None)
        await until_gone(child.pid, seconds=1)
        another = await project.start()
        another.kill()
        assert (await end_of(another)).kind is EndingKind.WANTED


SUPERVISOR = """
import asyncio, sys
from tests.domain.process.conftest import *
async def main():
    async with launched(Launcher()) as launcher:
        code = bundle("while True: pass", workflows=(), activities=("none",))
        for number in range(2):
            order = WorkOrder(
                project_id=uuid4(), bundle_hash=code.hash, bundle=code, queue="q", slot=0, epoch=1,
                identity="i", temporal=TemporalTarget(address="127.0.0.1:9", namespace="n"),
            )
            child = await launcher.start(
                order, broker=NoBroker(), on_stats=print, on_line=print
            )
            print(child.pid)
        print(launcher.forkserver_pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_processes_do_not_outlive_the_supervisor() -> None:
    """A second after a supervisor was killed neither its forkserver nor a child is left."""
    root = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: ASYNC220 - it takes a millisecond
        [sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True, cwd=root
    ) as supervisor:
        try:
            assert supervisor.stdout is not None
            lines = [await asyncio.to_thread(supervisor.stdout.readline) for _ in range(3)]
            pids = [int(line) for line in lines]
            assert not any(map(is_gone, pids))
        finally:
            supervisor.kill()
        await until_gone(*pids, seconds=1)


async def test_walls_refuse_what_gates_let_pass(project: Project) -> None:
    """Neither programs, processes, files, ports, signals nor limits of others can be had."""
    await project.running(probing())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        attempts = {
            "a program": "subprocess.run(['true'])",
            "a fork": "os.fork()",
            "a clone": "clone()",
            "a file": "open_for_reading('/etc/passwd')",
            "an environment": "open_for_reading(f'/proc/{os.getppid()}/environ')",
            "a new file": "open('/tmp/left-behind', 'w')",
            "another port": f"connect({port})",
            "a server": "socket.create_server(('127.0.0.1', 0))",
            "a socket in a file": "socket.socket(socket.AF_UNIX)",
            "the parent's life": "os.kill(os.getppid(), 9)",
            "the supervisor's life": f"os.kill({os.getpid()}, 9)",
            "the parent's memory": "trace(os.getppid())",
            "another user": "os.setuid(12345)",
            "more memory": "more_memory()",
        }
        results = {
            what: await project.call("attempt", {"code": code}) for what, code in attempts.items()
        }
        assert {
            what for what, result in results.items() if not result.startswith("refused")
        } == set()
    assert await project.call("attempt", {"code": "open_for_reading(os.__file__)"}) == "done"


async def test_a_memory_hog_gets_no_memory(project: Project) -> None:
    """A large allocation fails in the activity; the process works on."""
    await project.running(probing(memory_mb=128))
    with pytest.raises(Exception, match="Workflow execution failed"):
        await project.call("hog", 2000)
    assert await project.call("shout", "still here") == "STILL HERE"


async def test_memory_that_no_limit_counts_is_watched(project: Project) -> None:
    """Who takes more all the same is killed, and it is told why."""
    child = await project.running(probing(memory_mb=64))
    calling = asyncio.create_task(project.call("share", 700))
    ending = await end_of(child)
    calling.cancel()
    assert ending.kind is EndingKind.OUT_OF_MEMORY


async def test_huge_output_is_cut(project: Project) -> None:
    """The first lines of a second are there, and one that says how many are missing."""
    child = await project.running(probing())
    assert await project.call("chatter", 20_000) == "done"
    assert await project.call("shriek", 100_000) == "done"
    child.stop()
    await end_of(child)
    texts = [text for stream, text in project.lines if stream == "stdout"]
    assert texts[0].startswith("line 0 ")
    assert len(texts) < 10 * PER_SECOND
    assert any("left out" in text for text in texts)
    assert max(len(text) for text in texts) <= LONGEST + 2


async def test_a_flood_of_frames_holds_up_nobody(project: Project) -> None:
    """Who talks without end to its supervisor is heard in turns, like all others."""
    await project.running(probing())
    frame = Told(stats=Collector().take()).model_dump_json(by_alias=True) + "\n"
    flood = asyncio.create_task(project.call("say", {"text": frame, "times": 100_000}))
    async with asyncio.timeout(DEADLINE):
        while len(project.stats) < FRAMES // 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    flood.cancel()
    assert len(project.stats) <= 4 * FRAMES


async def test_what_is_no_frame_ends_the_conversation(project: Project) -> None:
    """Code that has got hold of its control socket can end its own process with it."""
    child = await project.running(probing())
    calling = asyncio.create_task(project.call("say", {"text": "nonsense\n", "times": 1}))
    ending = await end_of(child)
    calling.cancel()
    assert ending.kind is EndingKind.CRASHED
    assert "no process of ours" in ending.reason

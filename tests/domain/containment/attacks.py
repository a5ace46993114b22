"""Hostile bundles: what publishing refuses, and what its process has to bear when it got past."""

from __future__ import annotations

from dataclasses import dataclass

from alga_temporal_domain.projects.bundles import Bundle, Limits, Manifest
from alga_temporal_domain.projects.findings import Rule

QUEUE = "queue-of-somebody-else"

CALLING = """
import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy


@workflow.defn
class Calling:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(
            name,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


@activity.defn
async def whose() -> str:
    return "the attacker's"
"""

GOOD = CALLING.replace("the attacker's", "mine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Files that publishing refuses by a rule. `activities` None: the manifest is read."""

    files: dict[str, str]
    rule: Rule
    activities: tuple[str, ...] | None = None
    queue: str | None = None
    memory_mb: int = 64


def _read(text: str, rule: Rule = Rule.CONSTRUCT_REFUSED) -> Refused:
    return Refused(files={"evil.py": f"{CALLING}\n{text}\n"}, rule=rule)


REFUSED: dict[str, Refused] = {
    "a program": _read("import subprocess\nsubprocess.run(['id'])", Rule.IMPORT_REFUSED),
    "a fork bomb": _read("import os\nwhile True:\n    os.fork()", Rule.IMPORT_REFUSED),
    "an exit": _read("exit(0)"),
    "all objects": _read("import gc\ngc.get_objects()", Rule.IMPORT_REFUSED),
    "subclasses": _read("().__class__.__base__.__subclasses__()"),
    "globals of a function": _read("whose.__globals__"),
    "a frame": _read("def g():\n    yield\ng().gi_frame.f_back"),
    "a file": _read("open('/etc/passwd')"),
    "text as code": _read("eval('1')"),
    "text in a format": _read("'{0.__globals__}'.format(whose)"),
    "text in an annotation": _read("def f(x: '__import__(\"os\")') -> None: ..."),
    "no sandbox": _read(
        "@workflow.defn(sandboxed=False)\nclass W:\n    @workflow.run\n"
        "    async def run(self) -> None: ..."
    ),
    "no python": _read("def (", Rule.SYNTAX),
    "nested too deep": _read("x = " + "-" * 5000 + "1", Rule.SYNTAX),
    "too much code": _read("x = 1\n" * 20_000, Rule.TOO_LARGE),
    "a loop when imported": _read("while True:\n    pass", Rule.LOAD_FAILED),
    "a failure when imported": _read("{}['nothing']", Rule.LOAD_FAILED),
    "memory when imported": _read("kept = [bytes(10**8) for _ in range(100)]", Rule.LOAD_FAILED),
    "a module of ours": Refused(
        files={"json.py": CALLING}, rule=Rule.MODULE_SHADOWED, activities=("whose",)
    ),
    "a built-in's name": _read(
        "@activity.defn(name='httpRequest')\nasync def h() -> None: ...", Rule.NAME_RESERVED
    ),
    "a name twice": _read(
        "@activity.defn(name='whose')\nasync def again() -> None: ...", Rule.NAME_DUPLICATE
    ),
    "a wrong name": Refused(
        files={"evil.py": CALLING}, rule=Rule.NAME_MISSING, activities=("other", "whose")
    ),
    "an undeclared name": Refused(
        files={"evil.py": CALLING}, rule=Rule.NAME_UNDECLARED, activities=()
    ),
    "another's queue": Refused(
        files={"evil.py": CALLING}, rule=Rule.QUEUE_MISMATCH, activities=("whose",), queue=QUEUE
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """Code that got past the gates. `ends`: the kind of its process's end, None: it lives on.

    `reason`: part of what is written down of that end. `is_run`: the activity or workflow `attack`
    is started, else importing it is the attack. `told`: part of what the attack's caller is told.
    """

    text: str
    ends: str | None
    reason: str = ""
    is_run: bool = False
    told: str = ""
    workflows: tuple[str, ...] = ("Calling",)
    activities: tuple[str, ...] = ("whose",)
    memory_mb: int = 64

    @property
    def bundle(self) -> Bundle:
        """With a manifest that says what it is told to."""
        return Bundle(
            manifest=Manifest(
                workflows=self.workflows,
                activities=self.activities,
                limits=Limits(memory_mb=self.memory_mb),
            ),
            files={"evil.py": self.text},
        )


def _imported(text: str, reason: str, ends: str = "bad_bundle") -> Contained:
    return Contained(text=f"{CALLING}\n{text}\n", ends=ends, reason=reason)


def _run(
    body: str, *, ends: str | None = None, reason: str = "", told: str = "", sync: bool = False
) -> Contained:
    kind = "def" if sync else "async def"
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    text = f"{CALLING}\n@activity.defn\n{kind} attack() -> str:\n{lines}\n    return 'done'\n"
    return Contained(
        text=text,
        ends=ends,
        reason=reason,
        told=told,
        is_run=True,
        activities=("attack", "whose"),
    )


def _workflow(body: str, *, ends: str | None = None, reason: str = "") -> Contained:
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    text = (
        f"{CALLING}\n@workflow.defn\nclass Attack:\n    @workflow.run\n"
        f"    async def run(self) -> str:\n{lines}\n"
    )
    return Contained(
        text=text, ends=ends, reason=reason, is_run=True, workflows=("Attack", "Calling")
    )


_REFUSED_PERMISSION = "not permitted"
_THREADS = (
    "import threading, time\n"
    "while True:\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
)
_SAY = "import os, socket\ncontrol = socket.socket(fileno=os.dup(3))\n"
_STATS = (
    "from alga_temporal_domain.projects.process.frames import Told\n"
    "from alga_temporal_domain.projects.process.measuring import Collector\n"
    "line = Told(stats=Collector().take()).model_dump_json(by_alias=True) + '\\n'\n"
)

CONTAINED: dict[str, Contained] = {
    # When it is imported.
    "import: exit": _imported("raise SystemExit(7)", "cannot be imported"),
    "import: hard exit": _imported("import os\nos._exit(0)", "exit code 0", "crashed"),
    "import: broken memory": _imported(
        "import signal\nsignal.raise_signal(signal.SIGSEGV)", "signal 11", "crashed"
    ),
    "import: loop": _imported("while True:\n    pass", "took no work", "hung"),
    "import: loop that holds the interpreter": _imported(
        "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", "took no work", "hung"
    ),
    "import: fork bomb": _imported("import os\nwhile True:\n    os.fork()", "cannot be imported"),
    "import: threads": _imported(_THREADS, "cannot be imported"),
    "import: memory": _imported("kept = bytearray(3 * 1024**3)", "cannot be imported"),
    "import: a file": _imported("open('/tmp/left-behind-@', 'w')", "cannot be imported"),
    "import: a network server": _imported(
        "import socket\nsocket.create_server(('127.0.0.1', 0))", "cannot be imported"
    ),
    "import: the supervisor's life": _imported(
        "import os\nos.kill(os.getppid(), 9)", "cannot be imported"
    ),
    "import: another name": Contained(
        text=CALLING, ends="bad_bundle", reason="cannot be imported", activities=("other",)
    ),
    "import: a workflow that cannot run": Contained(
        text=f"{CALLING}\n@workflow.defn\nclass Nothing:\n    pass\n",
        ends="bad_bundle",
        reason="",
        workflows=("Calling", "Nothing"),
    ),
    # In an activity.
    "activity: loop": _run("while True:\n    pass", ends="hung", reason="said nothing"),
    "activity: loop in a thread": _run("while True:\n    pass", sync=True),
    "activity: the interpreter's lock": _run(
        "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
        ends="hung",
        reason="said nothing",
        sync=True,
    ),
    "activity: memory": _run("kept = bytearray(3 * 1024**3)", told="MemoryError"),
    "activity: memory that no limit counts": _run(
        "import mmap\nmemory = mmap.mmap(-1, 700 * 1024**2)\n"
        "for place in range(0, len(memory), 4096):\n    memory[place] = 1\n"
        "await asyncio.sleep(20)",
        ends="out_of_memory",
        reason="more memory",
    ),
    "activity: exit": _run("import os\nos._exit(3)", ends="crashed", reason="exit code 3"),
    "activity: fork bomb": _run("import os\nwhile True:\n    os.fork()", told=_REFUSED_PERMISSION),
    "activity: threads": _run(_THREADS, told="can't start new thread", sync=True),
    "activity: output without end": _run(
        "for n in range(200_000):\n    print('x' * 100)", sync=True
    ),
    "activity: a huge result": _run("return 'x' * (3 * 1024**2)"),
    "activity: a flood of frames": _run(
        f"{_SAY}{_STATS}control.sendall(line.encode() * 20_000)", sync=True
    ),
    "activity: nonsense for its supervisor": _run(
        f"{_SAY}control.sendall(b'nonsense\\n')\nawait asyncio.sleep(20)",
        ends="crashed",
        reason="no process of ours",
    ),
    "activity: an endless line": _run(
        f"{_SAY}while True:\n    control.sendall(b'x' * 65536)",
        ends="crashed",
        reason="no process of ours",
        sync=True,
    ),
    "activity: a program": _run("import os\nos.execv('/bin/true', ['true'])", told="not permitted"),
    "activity: a file": _run("open('/tmp/left-behind-@', 'w')", told="Permission denied"),
    "activity: memory of others": _run(
        "import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')", told="Permission denied"
    ),
    # In a workflow.
    "workflow: loop": _workflow("while True:\n    pass"),
    "workflow: exit": _workflow("raise SystemExit(4)", ends="crashed", reason="exit(4)"),
    "workflow: memory": _workflow("kept = bytearray(3 * 1024**3)\nreturn 'done'"),
}

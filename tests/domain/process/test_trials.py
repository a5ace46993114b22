"""Bundles that are imported, or replayed, in processes of their own."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from alga_temporal_domain.projects.findings import Rule
from alga_temporal_domain.projects.process.launcher import Launcher
from tests.domain.process.conftest import SOURCE, Project, bundle

OTHER_WAY = SOURCE.replace(
    "        text = await workflow.execute_activity(\n            shout,",
    "        await workflow.sleep(1)\n"
    "        text = await workflow.execute_activity(\n            shout,",
)

THREADS = """
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""


async def test_good_code_has_no_findings(launcher: Launcher) -> None:
    """Its modules are imported in a fraction of the 250 ms that a bundle once took."""
    result = await launcher.check(bundle())
    assert result.findings == ()
    assert result.load_seconds < 0.25


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("while True:\n    pass\n", "longer than 1 seconds"),
        ("import re\nre.match('(a+)+$', 'a' * 60 + 'b')\n", "longer than 1 seconds"),
        ("raise SystemExit(7)\n", "7"),
        ("import os\nos._exit(0)\n", "exit code 0"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "not permitted"),
        ("import signal\nsignal.raise_signal(signal.SIGSEGV)\n", "signal 11"),
        ("kept = bytearray(3 * 1024**3)\n", "MemoryError"),
        ("kept = []\nwhile True:\n    kept.append(bytearray(10**7))\n", "MemoryError"),
        ("import os\nwhile True:\n    os.fork()\n", "not permitted"),
        (THREADS, "can't start new thread"),
        ("print('x' * 500_000)\nraise ValueError('written')\n", "written"),
        ("import socket\nsocket.socket()\n", "denied"),
    ],
    ids=lambda value: value.splitlines()[-1][:30],
)
async def test_hostile_code_is_a_finding(launcher: Launcher, source: str, told: str) -> None:
    """Whatever it does when it is imported, the supervisor hears what that was, and in time."""
    seconds = 1 if "longer than" in told else 20
    result = await launcher.check(
        bundle(source, workflows=(), activities=("none",), memory_mb=64), seconds=seconds
    )
    assert [finding.rule for finding in result.findings] == [Rule.LOAD_FAILED]
    assert told in result.findings[0].message


async def test_replay_tells_what_does_not_fit(project: Project) -> None:
    """A history fits the code that made it, and not code that goes another way."""
    await project.running()
    run = await project.client.start_workflow(
        "Hello", "x", id=str(uuid4()), task_queue=project.queue
    )
    await run.result()
    histories = {run.id: (await run.fetch_history()).to_json()}
    assert await project.launcher.replay(bundle(), histories) == {run.id: None}
    failures = await project.launcher.replay(bundle(OTHER_WAY), histories)
    failure = failures[run.id]
    assert failure is not None
    assert "Nondeterminism" in failure
    assert json.loads(histories[run.id])["events"]

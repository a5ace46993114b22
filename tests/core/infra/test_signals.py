"""Signals and the end of the process, in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

SCRIPT = """
import asyncio, sys
from alga_workflows_core.infra.settings import LogSettings
from alga_workflows_core.infra.supervisor import (
    Supervisor, exit_process, install_signal_handlers,
)
from alga_workflows_core.infra.telemetry import configure_logging

class Part:
    def __init__(self, name):
        self.name, self.end = name, asyncio.Event()
    async def run(self, ready):
        ready()
        print("up", self.name, flush=True)
        if self.name in sys.argv:
            await asyncio.Event().wait()
        await self.end.wait()
        print("down", self.name)
    async def stop(self):
        print("stop", self.name, flush="stubborn" in sys.argv)
        self.end.set()
        if "hang" in sys.argv:
            print("hanging", flush=True)
            while True:
                pass

async def main():
    stop = asyncio.Event()
    install_signal_handlers(stop)
    await Supervisor([Part("a"), Part("b"), Part("stubborn")], stop_timeout=600).run(stop)

configure_logging(LogSettings(), service="tested")
asyncio.run(main())
print("done")
exit_process(7)
"""


class Script:
    """The script above as a process."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Output must be buffered, or there is nothing to flush.
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )

    def read_until(self, line: str) -> None:
        assert self.process.stdout is not None
        for read in self.process.stdout:
            if read.strip() == line:
                return
        pytest.fail(f"The process ended without {line!r}: {self.process.communicate()[1]}")

    def finish(self) -> tuple[int, list[str], list[dict[str, Any]]]:
        try:
            out, err = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
        return self.process.returncode, out.splitlines(), [json.loads(x) for x in err.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_stops_in_reverse_order_and_the_end_is_flushed(number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C stop in order; `exit_process` writes what is buffered, keeps the code."""
    script = Script()
    script.read_until("up stubborn")
    script.process.send_signal(number)

    code, out, logged = script.finish()

    stops = [word for name in ("stubborn", "b", "a") for word in (f"stop {name}", f"down {name}")]
    assert (code, out) == (7, [*stops, "done"])
    asked = [line["signal"] for line in logged if line["action"] == "process.stop_requested"]
    assert asked == [number.name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_the_process_now(number: signal.Signals) -> None:
    """Whoever asks twice does not wait for a service that takes its time."""
    script = Script("stubborn")
    script.read_until("up stubborn")
    script.process.send_signal(number)
    script.read_until("stop stubborn")
    script.process.send_signal(number)

    code, out, _ = script.finish()

    assert code == 130
    assert "done" not in out


def test_the_second_signal_works_while_the_loop_hangs() -> None:
    """Even code that never gives the loop back cannot keep the process alive."""
    script = Script("hang")
    script.read_until("up stubborn")
    script.process.send_signal(signal.SIGTERM)
    script.read_until("hanging")
    script.process.send_signal(signal.SIGINT)

    assert script.finish()[0] == 130

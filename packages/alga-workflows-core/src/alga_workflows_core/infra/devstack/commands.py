"""Short-lived programs, run to their end or ended with us."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alga_workflows_core.infra.devstack.server_process import Account, kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a program ended: its exit code, and what it wrote to either output."""

    code: int
    output: str

    @property
    def last_lines(self) -> str:
        """The end of what it wrote, in one line that fits into a message."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-500:]


async def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    account: Account | None = None,
    on_tick: Callable[[float], bool] | None = None,
    tick: float = 10.0,
) -> Outcome:
    """Run `command` to its end, in the folder `/`; the code is 127 if it cannot be started.

    Every `tick` seconds `on_tick` gets the seconds since the start; when it returns false, when
    this is cancelled and when this process ends, the program and its children are ended.
    """
    process = await asyncio.create_subprocess_exec(
        # As Ctrl-C would: initdb then removes what it has made.
        *kept(command, stop_signal=signal.SIGINT, grace=2.0, account=account),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        env=dict(environ),
    )
    held_open, written = process.stdin, process.stderr
    if held_open is None or written is None:
        raise RuntimeError("asyncio gave no pipes, although they were asked for")
    started = time.monotonic()
    reading = asyncio.ensure_future(written.read())
    try:
        while not (await asyncio.wait({reading}, timeout=tick))[0]:
            if on_tick is not None and not on_tick(time.monotonic() - started):
                break
    finally:
        held_open.close()
        output = await reading
        code = await process.wait()
    return Outcome(code=code, output=output.decode(errors="replace"))

"""`workflow-worker` as people run it: a process of its own, whose output is followed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds until a condition counts as never true; waiting ends as soon as it is."""

# What a process needs of ours. No setting of whoever runs the tests gets through.
_KEPT = ("PATH", "HOME", "PYTHONPATH", "TMPDIR", "TEMPORAL_CLI_PATH", "LD_LIBRARY_PATH")


async def eventually(
    look: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = PATIENCE
) -> T:
    """What `look` answers as soon as that is neither None nor false; AssertionError with `what`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert loop.time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.05)


class Command:
    """One running command. `log` holds its JSON lines so far, `lines` all of standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.lines: list[str] = []
        self.log: list[dict[str, Any]] = []
        self._process = process
        self._stdout = asyncio.ensure_future(self._read_stdout())
        self._stderr = asyncio.ensure_future(self._follow_stderr())

    @classmethod
    async def start(
        cls,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        module: str = "workflow_worker",
    ) -> Command:
        """Start it in a session of its own, with `environ` and next to nothing of ours."""
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**inherited, "LOG_FORMAT": "json", **(environ or {})},
            start_new_session=True,
            limit=4 * 1024 * 1024,
        )
        return cls(process)

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    def terminate(self) -> None:
        """SIGTERM to the process, as service managers do."""
        os.kill(self.pid, signal.SIGTERM)

    def interrupt(self) -> None:
        """SIGINT to its process group, as Ctrl-C in a terminal does."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the process."""
        os.kill(self.pid, signal.SIGKILL)

    async def logged(self, action: str, **fields: Any) -> dict[str, Any]:
        """The first line with this action and these fields, which has to come before the end."""

        async def look() -> dict[str, Any] | None:
            found = self.actions(action, **fields)
            assert found or self.is_running, f"ended without {action}:\n{self.output}"
            return found[0] if found else None

        return await eventually(look, f"a line {action} {fields}")

    def actions(self, action: str, **fields: Any) -> list[dict[str, Any]]:
        """The lines so far with this action and these fields."""
        wanted = {"action": action, **fields}
        return [line for line in self.log if wanted.items() <= line.items()]

    @property
    def output(self) -> str:
        """Standard error so far."""
        return "\n".join(self.lines)

    async def url(self) -> str:
        """Where its API is, once that is up."""
        return (await self.logged("process.ready"))["url"]

    async def ended(self, *, seconds: float = PATIENCE) -> int:
        """Its exit status, as soon as there is one."""
        async with asyncio.timeout(seconds):
            await asyncio.wait({self._stderr})
            return await self._process.wait()

    async def stdout(self) -> str:
        """All of standard output, once it has ended."""
        await self.ended()
        return await self._stdout

    async def close(self) -> None:
        """End it at once if it runs still, and whatever is in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        await asyncio.wait({self._stdout, self._stderr})

    async def _read_stdout(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.read()).decode()

    async def _follow_stderr(self) -> None:
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            line = raw.decode(errors="replace").rstrip("\n")
            self.lines.append(line)
            if line.startswith("{"):
                with suppress(ValueError):
                    self.log.append(json.loads(line))


@asynccontextmanager
async def running(
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    module: str = "workflow_worker",
) -> AsyncGenerator[Command]:
    """A command that is ended at the end of the block, however that ends."""
    command = await Command.start(*arguments, environ=environ, module=module)
    try:
        yield command
    finally:
        await command.close()


async def finished(*arguments: str, environ: Mapping[str, str] | None = None) -> Finished:
    """Run a command to its end."""
    async with running(*arguments, environ=environ) as command:
        stdout = await command.stdout()
        return Finished(await command.ended(), stdout, command)


class Finished:
    """A command that has ended: its exit status, standard output and standard error."""

    def __init__(self, code: int, stdout: str, command: Command) -> None:
        self.code = code
        self.stdout = stdout
        self.lines = command.lines
        self.stderr = command.output
        self.log = command.log

    @property
    def errors(self) -> list[str]:
        """The sentences of what it logged as errors."""
        return [line["event"] for line in self.log if line["level"] == "error"]


def client(url: str, key: str | None = None) -> httpx.AsyncClient:
    """A client of the API, or of the process's own addresses with absolute paths."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False)

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alga_workflows_core.errors import AlgaError, SettingsError
from alga_workflows_core.infra.devstack import temporal_cli

GO_BUILDS = """
echo run >> "$COUNT"
/bin/sleep 0.2
echo '#!/bin/sh' > "$GOBIN/temporal"
/bin/chmod +x "$GOBIN/temporal"
"""
GO_BREAKS = """
echo half > "$GOBIN/temporal"
echo 'no required module provides this' >&2
exit 1
"""
GO_HANGS = """
echo $$ > "$COUNT"
exec /bin/sleep 60
"""


class Machine:
    """A machine with the programs that a test puts on its PATH, and without a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reported: list[str] = []
        self.count = folder / "count"
        self.environ = {
            "HOME": str(folder / "home"),
            "PATH": str(folder / "bin"),
            "COUNT": str(self.count),
            # A proxy that nobody listens on: the download fails at once.
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        for name in ("home", "bin"):
            (folder / name).mkdir()

    @property
    def cache(self) -> Path:
        return self.folder / "home/.cache/alga-workflows"

    def program(self, name: str, script: str = "", *, folder: str = "bin") -> Path:
        path = self.folder / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)
        return path

    async def find(self) -> Path:
        return await temporal_cli.find(self.reported.append, self.environ)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_temporal_cli_path_comes_first(machine: Machine) -> None:
    """The program named in TEMPORAL_CLI_PATH wins over one on the PATH."""
    machine.program("temporal")
    named = machine.program("mine", folder="elsewhere")
    machine.environ["TEMPORAL_CLI_PATH"] = str(named)
    assert await machine.find() == named


async def test_a_wrong_temporal_cli_path_is_an_error(machine: Machine) -> None:
    """A TEMPORAL_CLI_PATH that cannot be executed is told, though there is one on the PATH."""
    machine.program("temporal")
    named = machine.program("mine")
    named.chmod(0o644)
    machine.environ["TEMPORAL_CLI_PATH"] = str(named)
    with pytest.raises(SettingsError, match=r"TEMPORAL_CLI_PATH names .*mine"):
        await machine.find()


async def test_path_then_cache_then_build(machine: Machine) -> None:
    """Go builds it into the cache, the cache serves it without Go, and the PATH wins over both."""
    go = machine.program("go", GO_BUILDS)
    built = await machine.find()
    assert built.parent == machine.cache
    assert os.access(built, os.X_OK)
    assert any("go install" in line for line in machine.reported)
    go.unlink()
    assert await machine.find() == built
    on_path = machine.program("temporal")
    assert await machine.find() == on_path


async def test_two_builds_at_once_are_one(machine: Machine) -> None:
    """Who comes while it is being built waits, and gets the same program."""
    machine.program("go", GO_BUILDS)
    first, second = await asyncio.gather(machine.find(), machine.find())
    assert first == second
    assert machine.count.read_text().splitlines() == ["run"]
    assert any("Another process" in line for line in machine.reported)
    assert len([line for line in machine.reported if "go install" in line]) == 1
    assert len([line for line in machine.reported if "(about 100 MB)" in line]) == 1


async def test_what_was_tried_is_told(machine: Machine) -> None:
    """Where nothing works one error lists every way with its reason, and what can be done."""
    machine.program("go", GO_BREAKS)
    with pytest.raises(AlgaError) as raised:
        await machine.find()
    message = str(raised.value)
    for part in (
        "TEMPORAL_CLI_PATH: not set",
        "PATH: not there",
        f"{machine.cache}: not there",
        "download by the Temporal SDK: ",
        "no required module provides this",
        "https://docs.temporal.io/cli",
    ):
        assert part in message


async def test_a_failed_build_leaves_nothing(machine: Machine) -> None:
    """What a failed build has written is not taken for the program by the next call."""
    machine.program("go", GO_BREAKS)
    with pytest.raises(AlgaError, match="no required module"):
        await machine.find()
    assert [path for path in machine.cache.rglob("*") if path.is_file()] == []


async def test_a_cancelled_build_ends_go(machine: Machine) -> None:
    """Ctrl-C during the build ends the compiler, and leaves neither file nor lock."""
    machine.program("go", GO_HANGS)
    building = asyncio.create_task(machine.find())
    deadline = time.monotonic() + 20
    while not (machine.count.exists() and machine.count.read_text().strip()):
        assert time.monotonic() < deadline
        assert not building.done()
        await asyncio.sleep(0.02)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    with pytest.raises(ProcessLookupError):
        os.kill(int(machine.count.read_text()), 0)
    assert [path for path in machine.cache.rglob("*") if path.is_file()] == []


def test_the_command_prints_nothing_but_the_path(machine: Machine) -> None:
    """`python -m …temporal_cli` is used in a shell: its standard output is the path alone."""
    machine.program("go", GO_BUILDS)
    ran = subprocess.run(
        [sys.executable, "-m", temporal_cli.__name__],
        env=machine.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    path = Path(ran.stdout.removesuffix("\n"))
    assert path.parent == machine.cache
    assert "Building" in ran.stderr

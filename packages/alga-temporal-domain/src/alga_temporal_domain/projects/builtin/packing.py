"""`buildPackage`: real archives of the texts that it is given."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
from pathlib import PurePosixPath
from typing import Any, cast

from temporalio.exceptions import ApplicationError

from alga_temporal_domain.projects.builtin.inputs import BuildPackage

_MOST_FILES = 1000
_LARGEST = 8 * 1024 * 1024
# The first moment that a ZIP archive can name: archives of the same texts are the same bytes.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(wanted: BuildPackage) -> dict[str, str | None]:
    """Archives by name, in base64; None for each where there are no files to pack."""
    stem = f"{wanted.package_name}-{wanted.version}"
    files = _files(wanted)
    if files is None:
        return {f"{stem}.tar.gz": None, f"{stem}.zip": None}
    return {
        f"{stem}.tar.gz": base64.b64encode(_tar(files)).decode(),
        f"{stem}.zip": base64.b64encode(_zip(files)).decode(),
    }


def _files(wanted: BuildPackage) -> dict[str, bytes] | None:
    given: Any = (wanted.options or {}).get("files")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise _wrong("options.files has to be an object of texts by their path")
    entries = cast("dict[Any, Any]", given)
    if len(entries) > _MOST_FILES:
        raise _wrong(f"options.files has more than {_MOST_FILES} entries")
    files: dict[str, bytes] = {}
    for path, text in sorted(entries.items()):
        parts = PurePosixPath(path).parts
        if not isinstance(text, str) or not parts or path.startswith("/") or ".." in parts:
            raise _wrong(f"options.files has an entry {path!r} that is no text at a path inside")
        files[path] = text.encode()
    if sum(map(len, files.values())) > _LARGEST:
        raise _wrong(f"options.files has more than {_LARGEST} bytes")
    return files


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, _ZIP_EPOCH), content)
    return buffer.getvalue()


def _wrong(what: str) -> ApplicationError:
    return ApplicationError(f"buildPackage: {what}.", type="INPUT_INVALID", non_retryable=True)

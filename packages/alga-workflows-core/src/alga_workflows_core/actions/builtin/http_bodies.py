"""The body of an HTTP request, in the form in which its author wrote it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import TypeAlias
from urllib.parse import quote_plus, urlencode

from alga_workflows_core.types.json import Json

Scalar: TypeAlias = str | int | float | bool
Pairs: TypeAlias = Mapping[str, Scalar | list[Scalar] | None]
"""Names with their values; a list repeats its name, null leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """Bytes, and the media type that they have unless a header says another.

    `fits`: how the media type in a header may end; None: as it likes. `is_text`: it is UTF-8.
    """

    content: bytes
    media_type: str
    fits: tuple[str, ...] | None = None
    is_text: bool = True

    def check(self, content_type: str) -> None:
        """ValueError if the header Content-Type says something else than these bytes are."""
        header = Message()
        header["content-type"] = content_type
        kind = header.get_content_type()
        charset = header.get_content_charset("utf-8")
        if self.fits is not None and not kind.endswith(self.fits):
            raise ValueError(
                f"the header Content-Type does not fit the body, which is {self.media_type}"
            )
        if self.is_text and charset not in {"utf-8", "utf8"}:
            raise ValueError("the header Content-Type names a charset, but the body is in UTF-8")


def json_body(value: Json) -> RequestBody:
    """ValueError for NaN, UnicodeError for half a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return RequestBody(
        content=text.encode(), media_type="application/json", fits=("/json", "+json")
    )


def text_body(text: str) -> RequestBody:
    """UnicodeError for half a surrogate pair."""
    return RequestBody(content=text.encode(), media_type="text/plain; charset=utf-8")


def form_body(fields: Pairs) -> RequestBody:
    """Fields as a browser sends them."""
    kind = "application/x-www-form-urlencoded"
    content = urlencode(pairs(fields), quote_via=quote_plus).encode("ascii")
    return RequestBody(content=content, media_type=kind, fits=(kind,))


def bytes_body(encoded: str) -> RequestBody:
    """The bytes that some Base64, also the URL-safe kind, stands for; ValueError if it is none."""
    try:
        content = base64.b64decode(encoded.translate(_STANDARD), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("`base64` is no Base64") from None
    return RequestBody(content=content, media_type="application/octet-stream", is_text=False)


def pairs(named: Pairs) -> Sequence[tuple[str, str]]:
    """Names and values as text, as they are written into a query or a form."""
    return [
        (name, _as_text(value))
        for name, values in named.items()
        if values is not None
        for value in (values if isinstance(values, list) else [values])
    ]


_STANDARD = str.maketrans("-_", "+/")


def _as_text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # In JSON 2 and 2.0 are one number, and services expect `page=2`.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

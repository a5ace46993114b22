"""The body of an HTTP answer: read within bounds, then made into a value that rows can hold."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import httpx

from alga_workflows_core.errors import AlgaError, InputError
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.strict_json import loads

ACCEPT_ENCODING = "gzip"
"""The content codings that `read_body` undoes; requests ask for nothing else."""

_CHARSETS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",  # as browsers read it: a superset of the printable characters
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
# Whole pairs and all other escapes are consumed, so that what the group finds stands alone.
_UNSTORABLE_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))|\\.",
    re.DOTALL,
)


class UnreadableBodyError(AlgaError):
    """The body's content coding is unknown, broken or cut short."""

    code = "HTTP_PROTOCOL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The decoded bytes; `complete` is false where there were more than the limit."""

    content: bytes
    complete: bool


async def read_body(response: httpx.Response, *, limit: int) -> Body:
    """At most `limit` decoded bytes of a streamed answer; never holds much more than that.

    Raises UnreadableBodyError, and httpx's errors where the connection breaks.
    """
    # httpx would decode a whole chunk at once, a thousandfold in the worst case.
    gzip: _Gzip | None = None
    decoded = bytearray()
    received = 0
    async for chunk in response.aiter_raw():
        if not received:
            gzip = _gzip_of(response)
        received += len(chunk)
        decoded += chunk if gzip is None else gzip.decode(chunk, limit + 1 - len(decoded))
        if len(decoded) > limit or received > limit:
            return Body(content=bytes(decoded[:limit]), complete=False)
    if gzip is not None and not gzip.finished:
        raise UnreadableBodyError("the compressed body is cut short")
    return Body(content=bytes(decoded), complete=True)


def media_type(response: httpx.Response) -> str | None:
    """The media type in lower case without its parameters."""
    value = response.headers.get("content-type", "").split(";")[0].strip().lower()
    return storable(value) or None


def as_value(content: bytes, response: httpx.Response) -> Json:
    """None for no content, a JSON document's value, else text.

    JSON that is broken, nested more than 100 deep, or that holds NaN, duplicate keys or integers
    past 2^53 is handed on as text: no number or member is silently lost. Characters that cannot be
    stored become U+FFFD, escaped ones too.
    """
    if not content:
        return None
    text = as_text(content, response)
    kind = media_type(response) or ""
    if kind not in {"application/json", "text/json"} and not kind.endswith("+json"):
        return text
    try:
        return loads(_storable_escapes(text))
    except InputError:
        return text


def as_text(content: bytes, response: httpx.Response) -> str:
    """`content` by its charset (UTF-8 unless it names another known one); faults become U+FFFD."""
    charset = _CHARSETS.get((response.charset_encoding or "utf-8").lower(), "utf-8-sig")
    return storable(content.decode(charset, errors="replace"))


def storable(text: str) -> str:
    """`text` with NUL and lone surrogates, which PostgreSQL and JSON cannot hold, as U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def _storable_escapes(text: str) -> str:
    if _SUSPECT_ESCAPE.search(text) is None:
        return text
    return _UNSTORABLE_ESCAPE.sub(lambda found: r"\ufffd" if found[1] else found[0], text)


class _Gzip:
    """Decodes gzip in steps of bounded size; members that follow one another are joined."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def finished(self) -> bool:
        return self._member.eof

    def decode(self, data: bytes, room: int) -> bytes:
        """The next at most `room` bytes; what does not fit is dropped."""
        decoded = bytearray()
        try:
            while data and len(decoded) < room:
                if self._member.eof:
                    self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                decoded += self._member.decompress(data, room - len(decoded))
                data = self._member.unused_data
        except zlib.error:
            raise UnreadableBodyError("the compressed body is damaged") from None
        return bytes(decoded)


def _gzip_of(response: httpx.Response) -> _Gzip | None:
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return None
    if coding in {"gzip", "x-gzip"}:
        return _Gzip()
    raise UnreadableBodyError("the body has a content coding that was not asked for")

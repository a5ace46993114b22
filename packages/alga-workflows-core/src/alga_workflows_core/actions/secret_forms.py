"""The forms in which a secret may stand in a text: as it is, and as others write it down.

As it is, in JSON, Python's `repr`, HTML and URLs (whatever they leave unescaped), in hexadecimal,
and in base64: alone or inside something longer, such as the `user:secret` of basic authentication.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""A shorter secret, or form of one, is in many texts by chance."""

_ESCAPE = re.compile("%[0-9A-F]{2}")
# Which characters are left as they are differs by the part of a URL, and by who writes it.
_LEFT_IN_URLS = ("", "/", "!$&'()*+,;=", "!$&'()*+,;=:@", "!$&'()*+,;=:@/", "!$&'()*+,;=:@/?")

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """A text that gives a secret away.

    In base64 the characters at its ends hold a part of the secret and a part of what is beside it;
    `before` and `after` say whether there are such.
    """

    text: str
    before: bool = False
    after: bool = False

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where this stands in `text`, in order; what overlaps itself is one span."""
        found: list[tuple[int, int]] = []
        start = text.find(self.text)
        while start >= 0:
            span = self._widened(text, start, start + len(self.text))
            if found and span[0] <= found[-1][1]:
                found[-1] = (found[-1][0], span[1])
            else:
                found.append(span)
            start = text.find(self.text, start + 1)
        return found

    def _widened(self, text: str, start: int, end: int) -> tuple[int, int]:
        if self.before and start > 0 and text[start - 1] in _BASE64:
            start -= 1
        if self.after and text[end : end + 1] in _BASE64:
            end += 1
        return start, end


def forms_of(secret: str) -> Iterator[Form]:
    """The forms of a secret of `SHORTEST` or more characters; one of them may come twice."""
    data = secret.encode("utf-8", "surrogatepass")
    for text in (secret, *_escaped(secret, data), *_quoted(data), data.hex(), data.hex().upper()):
        yield Form(text)
    for offset in range(3):
        yield from _in_base64(data, offset)


def _escaped(secret: str, data: bytes) -> Iterator[str]:
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield repr(data)[2:-1]
    yield html.escape(secret)
    yield html.escape(secret, quote=False)


def _quoted(data: bytes) -> Iterator[str]:
    for left in _LEFT_IN_URLS:
        for text in (quote(data, safe=left), quote_plus(data, safe=left)):
            yield text
            yield _ESCAPE.sub(lambda found: found[0].lower(), text)


def _in_base64(data: bytes, offset: int) -> Iterator[Form]:
    """The forms behind `offset` (modulo 3) other bytes: what the secret alone decides."""
    text = base64.b64encode(bytes(offset) + data).decode()
    start, bits = -(-offset * 8 // 6), (offset + len(data)) * 8
    core = text[start : bits // 6]
    if len(core) < SHORTEST:
        return
    before, after = offset > 0, bits % 6 > 0
    yield Form(core, before, after)
    yield Form(core.translate(str.maketrans("+/", "-_")), before, after)

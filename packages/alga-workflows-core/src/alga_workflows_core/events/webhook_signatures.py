"""Signatures of Standard Webhooks 1.0.0: `v1`, HMAC-SHA256 over `id.timestamp.body`. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass

PREFIX = "whsec_"
SHORTEST_KEY = 24
"""Bytes of a key at least, as the specification has it."""

MOST_SIGNATURES = 20
"""Signatures of a message that are looked at: one for each key of its sender."""

# A full stop separates what is signed: with one in an id, the same signature would fit several
# readings of it.
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What the headers of a message say. `timestamp`: when it was sent, in seconds since 1970."""

    id: str
    timestamp: int
    signatures: tuple[bytes, ...]


def read_headers(message_id: str, timestamp: str, signature: str) -> Signed | None:
    """The headers `webhook-id`, `webhook-timestamp` and `webhook-signature`; None where they are
    not what the specification says. Signatures of other versions than `v1` are left out."""
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
        return None
    found = [_SIGNATURE.fullmatch(each) for each in signature.split(" ")[:MOST_SIGNATURES]]
    signatures = tuple(base64.b64decode(each[1]) for each in found if each is not None)
    return Signed(id=message_id, timestamp=int(timestamp), signatures=signatures)


def read_secret(secret: str) -> bytes:
    """The key that `whsec_…` (or base64 without the prefix) stands for. ValueError, which does not
    repeat it, for what is no base64 or has too few bytes."""
    encoded = secret.strip().removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        # Not chained: the cause may quote it.
        raise ValueError("it is not base64, as in `whsec_…`") from None
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"it has {len(key)} bytes; {SHORTEST_KEY} are needed")
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message, as it stands in the header."""
    digest = _digest(key, message_id, timestamp, body)
    return f"v1,{base64.b64encode(digest).decode()}"


def is_signed(signed: Signed, body: bytes, keys: Collection[bytes]) -> bool:
    """Whether one of the signatures was made with one of the keys. How long that takes says nothing
    of which, nor of how much of one is right."""
    found = False
    for key in keys:
        expected = _digest(key, signed.id, signed.timestamp, body)
        for signature in signed.signatures:
            found |= hmac.compare_digest(expected, signature)
    return found


def _digest(key: bytes, message_id: str, timestamp: int, body: bytes) -> bytes:
    return hmac.digest(key, b"%s.%d.%s" % (message_id.encode(), timestamp, body), hashlib.sha256)

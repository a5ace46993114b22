"""Keys for payloads: which one encrypts, and all that decrypt."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field

KEY_BYTES = 32
MOST_KEYS = 16

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadKey:
    """A key of AES-256 and its name, which is written beside what it has encrypted."""

    id: str
    key: bytes = field(repr=False)


def new_key(key_id: str) -> str:
    """A new random key as the setting has it: `id:base64`. ValueError for an id of other
    characters than letters, digits, `.`, `_` and `-`."""
    _check_id(key_id)
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def parse_keys(text: str) -> tuple[PayloadKey, ...]:
    """The keys of a comma list of `id:base64`, in its order. ValueError, which holds no key."""
    keys: list[PayloadKey] = []
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    for number, entry in enumerate(entries, start=1):
        # What is no id may be a key that somebody forgot to name: it is not told.
        key_id, colon, encoded = entry.partition(":")
        if not colon or not _ID.fullmatch(key_id):
            raise ValueError(f"entry {number} is not id:base64")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"key {key_id!r} is not base64") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {key_id!r} has {len(key)} bytes, not {KEY_BYTES}")
        keys.append(PayloadKey(id=key_id, key=key))
    if not keys:
        raise ValueError("no key is there")
    if len(keys) > MOST_KEYS or len({key.id for key in keys}) != len(keys):
        raise ValueError(f"up to {MOST_KEYS} keys, each with an id of its own")
    return tuple(keys)


def _check_id(key_id: str) -> None:
    if not _ID.fullmatch(key_id):
        raise ValueError(f"{key_id!r} cannot be the id of a key")

"""Requests to hosts, signed as Standard Webhooks 1.0.0 says (`v1`, HMAC-SHA256). Pure."""

from __future__ import annotations

import base64
import binascii
import hmac

from alga_workflows_core.errors import ConflictError

PREFIX = "whsec_"
SHORTEST_KEY = 24


class SigningKeyError(ConflictError):
    """The secret cannot sign; the message does not repeat it."""

    code = "SECRET_UNAVAILABLE"


def signing_key(name: str, secret: str) -> bytes:
    """The key that the secret called `name` stands for: base64, with `whsec_` before it or not."""
    text = secret.strip().removeprefix(PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Not chained: the cause may quote the secret.
        key = b""
    if len(key) < SHORTEST_KEY:
        raise SigningKeyError(
            f"The secret {name} is no signing key.",
            remedy=f"It has to be `{PREFIX}` and the base64 of {SHORTEST_KEY} bytes or more.",
        )
    return key


def signed_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message that is sent at `timestamp`, in seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }

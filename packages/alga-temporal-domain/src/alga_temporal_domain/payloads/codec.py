"""Encrypts payloads by AES-256-GCM. Needs the extra `[encryption]`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from alga_temporal_domain.payloads.keys import PayloadKey
from alga_workflows_core.errors import AlgaError

ENCODING = b"binary/encrypted"
CIPHER = b"AES-256-GCM"

_NONCE_BYTES = 12
_SETTING = "TEMPORAL_PAYLOAD_KEYS"


class PayloadKeyError(AlgaError):
    """A payload cannot be decrypted with the keys that are there."""

    code = "PAYLOAD_KEY"


class EncryptedPayloads(PayloadCodec):
    """Encrypts with the first of `keys`, decrypts with whichever of them a payload names.

    Plain payloads are read as they are: they are older than the first key. The whole payload is
    encrypted, its metadata too; which key did it is authenticated.
    """

    def __init__(self, keys: Sequence[PayloadKey]) -> None:
        self._first = keys[0].id
        self._ciphers = {key.id: AESGCM(key.key) for key in keys}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """One for each, in their order."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """One for each, in their order. PayloadKeyError names the key that is missing or wrong."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(
            nonce, payload.SerializeToString(), _associated(self._first)
        )
        return Payload(
            metadata={
                "encoding": ENCODING,
                "encryption-cipher": CIPHER,
                "encryption-key-id": self._first.encode(),
            },
            data=nonce + sealed,
        )

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get("encryption-key-id", b"").decode(errors="replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadKeyError(
                f"A payload was encrypted with key {key_id!r}, which is not here.",
                remedy=f"Add that key to {_SETTING}, behind the first.",
            )
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            plain = cipher.decrypt(nonce, sealed, _associated(key_id))
        except (InvalidTag, ValueError):
            # Not chained: nothing of the cause helps, and it must not reach a history.
            raise PayloadKeyError(
                f"A payload says that it was encrypted with key {key_id!r}, and the key of that "
                "name does not decrypt it.",
                remedy=f"Give {_SETTING} the key that had this id when the payload was written.",
            ) from None
        return Payload.FromString(plain)


class DecryptedPayloads(EncryptedPayloads):
    """Reads what was encrypted, and encrypts nothing: the way back."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads as they are."""
        return list(payloads)


def _associated(key_id: str) -> bytes:
    return b"\x1f".join((ENCODING, CIPHER, key_id.encode()))

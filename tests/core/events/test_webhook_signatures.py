"""Signatures are those of Standard Webhooks, and what is none is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.events.webhook_signatures import (
    MOST_SIGNATURES,
    is_signed,
    read_headers,
    read_secret,
    sign,
)

# From the tests of the specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = bytes(range(32))


def fits(signature: str, *, body: bytes = BODY, keys: list[bytes] | None = None) -> bool:
    """Whether a message with this header is signed with one of the keys."""
    signed = read_headers(MESSAGE_ID, str(TIMESTAMP), signature)
    assert signed is not None
    return is_signed(signed, body, [read_secret(SECRET)] if keys is None else keys)


def test_the_vector_of_the_specification() -> None:
    """Signing gives it, and it is accepted."""
    assert sign(read_secret(SECRET), MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE
    assert fits(SIGNATURE)


@pytest.mark.parametrize("size", [24, 32, 64])
@pytest.mark.parametrize("prefix", ["whsec_", ""])
@pytest.mark.parametrize("padding", ["=", ""])
def test_what_is_signed_is_what_the_specification_says(
    size: int, prefix: str, padding: str
) -> None:
    """The id, the timestamp and the bytes of the body, with full stops between them; the key is
    what the secret's base64 stands for, whether it is padded or not."""
    key = bytes(range(200, 200 + min(size, 50))) + bytes(max(0, size - 50))
    encoded = base64.b64encode(key).decode().rstrip("=")
    secret = prefix + encoded + padding * (-len(encoded) % 4)
    body = '{"name": "Grüße \\ud83d\\ude00"}\n'.encode()
    expected = hmac.new(key, b"m-1.1700000000." + body, hashlib.sha256).digest()
    found = sign(read_secret(secret), "m-1", 1700000000, body)
    assert found == f"v1,{base64.b64encode(expected).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        f"v1,{base64.b64encode(bytes(32)).decode()} {SIGNATURE}",
        f"{SIGNATURE} v1,{base64.b64encode(bytes(32)).decode()}",
        f"v1a,{'A' * 86}== {SIGNATURE}",
        f"v2,anything {SIGNATURE}",
        f" {SIGNATURE} ",
    ],
)
def test_one_of_several_signatures_is_enough(header: str) -> None:
    """Those of other keys and other versions stand beside it."""
    assert fits(header)


@pytest.mark.parametrize("keys", [[OTHER, read_secret(SECRET)], [read_secret(SECRET), OTHER]])
def test_one_of_several_keys_is_enough(keys: list[bytes]) -> None:
    """While a secret is rotated, both count."""
    assert fits(SIGNATURE, keys=keys)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1",
        "v1,",
        "v1,=",
        SIGNATURE.removeprefix("v1,"),
        SIGNATURE.replace("v1", "v2"),
        SIGNATURE.replace("v1", "V1"),
        SIGNATURE.replace(",", ", "),
        SIGNATURE[:-1],
        f"{SIGNATURE}A",
        SIGNATURE.replace("g0h", "g0i"),
        SIGNATURE.replace("/", "_").replace("+", "-"),
        " ".join(["v1,x"] * MOST_SIGNATURES + [SIGNATURE]),
        "v1,\xe9" * 10,
    ],
)
def test_what_is_no_such_signature_does_not_fit(header: str) -> None:
    """Nor does it raise anything."""
    assert not fits(header)


def test_neither_another_body_nor_another_key_nor_none_fits() -> None:
    """One byte is enough."""
    assert not fits(SIGNATURE, body=BODY + b"\n")
    assert not fits(SIGNATURE, keys=[OTHER])
    assert not fits(SIGNATURE, keys=[])


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "é", "x" * 257, "a\n"])
@pytest.mark.parametrize("timestamp", [str(TIMESTAMP), "1e9"])
def test_ids_that_a_signature_could_not_pin_down_are_refused(
    message_id: str, timestamp: str
) -> None:
    """With a full stop in the id, one signature would fit two readings of a message."""
    assert read_headers(message_id, timestamp, SIGNATURE) is None


@pytest.mark.parametrize("timestamp", ["", "-1", "1.5", "1e9", "nan", " 1", "1 ", "٣", "9" * 13])
def test_a_timestamp_is_a_whole_number_of_seconds(timestamp: str) -> None:
    """In plain digits: what is signed is the text."""
    assert read_headers(MESSAGE_ID, timestamp, SIGNATURE) is None


@given(st.text(), st.text(), st.text())
def test_headers_of_any_form_raise_nothing(first: str, second: str, third: str) -> None:
    """They come from anybody."""
    signed = read_headers(first, second, third)
    assert signed is None or not is_signed(signed, BODY, [OTHER])


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("whsec_", "0 bytes"),
        ("whsec_c2hvcnQ=", "5 bytes"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa§§", "base64"),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"),
        ("correct horse battery staple, correct horse", "base64"),
    ],
)
def test_what_is_no_secret_is_not_repeated(secret: str, said: str) -> None:
    """The message says what is wrong, without it and without a cause that quotes it."""
    with pytest.raises(ValueError, match=said) as caught:
        read_secret(secret)
    assert secret[6:] == "" or secret[6:] not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None

"""A mask: no secret survives in what an action says, and nothing else is changed."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, cast
from urllib.parse import quote, quote_plus, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.masking import MASK, Mask
from alga_workflows_core.errors import Category

TOKEN = "s3cr3t/+=&token"

# Without the mask's own character: secrets of stars have a test of their own.
TEXTS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), max_size=12)
SECRETS = st.lists(TEXTS.filter(lambda text: len(text) >= 4), min_size=1, max_size=4)


def values_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Any JSON with such texts in it."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )


def texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in cast("list[Any]", value) for text in texts_in(item)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return [*members, *(text for item in members.values() for text in texts_in(item))]
    return []


@given(st.data(), SECRETS)
def test_no_secret_survives(data: st.DataObject, secrets: list[str]) -> None:
    """Alone, inside, beside or across others, in values and in keys, at any depth."""
    pieces = st.sampled_from(secrets) | TEXTS
    texts = st.lists(pieces, max_size=5).map("".join)
    value = data.draw(values_of(texts))
    before = json.dumps(value)

    masked = Mask(secrets).json(value)

    assert not [text for text in texts_in(masked) for secret in secrets if secret in text]
    assert json.dumps(value) == before


@given(st.data(), SECRETS)
def test_nothing_else_changes(data: st.DataObject, secrets: list[str]) -> None:
    """Around a secret all stays: the rest of a text, numbers, names, order."""
    # Marked, so that no text holds one by chance, nor a form of one.
    secrets = [f"\u2460{secret}\u2461" for secret in secrets]
    plain = st.text("abc \n\"'", max_size=6)
    parts = st.lists(plain | st.sampled_from(secrets), max_size=5)

    def kept(parts: list[str], shown: bool) -> str:
        return "".join(MASK if shown and part in secrets else part for part in parts)

    rows = data.draw(st.lists(st.tuples(plain, parts, st.integers() | st.none()), max_size=5))
    given_ = [{"name": name, "text": kept(text, False), "n": n} for name, text, n in rows]
    # Neighbours are one: nobody needs to know how many there were.
    wanted = [{"name": name, "text": _merged(kept(text, True)), "n": n} for name, text, n in rows]
    assert Mask(secrets).json(given_) == wanted


def _merged(text: str) -> str:
    while MASK * 2 in text:
        text = text.replace(MASK * 2, MASK)
    return text


@given(values_of(st.text(max_size=5)))
def test_what_holds_no_secret_is_answered_as_it_is(value: Any) -> None:
    """The very value, not a copy; also by a mask of nothing."""
    assert Mask(["\u2460secret\u2461"]).json(value) is value
    assert Mask().json(value) is value


@pytest.mark.parametrize("before", ["", "a", "ab", "user:", "somebody:", "\u00fc:"])
@pytest.mark.parametrize("after", ["", "x", "xy", "xyz", "\n"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_at_every_alignment(before: str, after: str, encode: Any) -> None:
    """Alone and inside something longer: what is left does not decode to a part of it."""
    text = encode(f"{before}{TOKEN}{after}".encode()).decode()
    masked = Mask([TOKEN]).text(f"Basic {text}, {text.rstrip('=')}")
    assert masked.count(MASK) == 2
    left = masked.removeprefix("Basic ").split(", ")[0].split(MASK)
    assert len(left) == 2
    assert len("".join(left)) <= len(base64.b64encode((before + after).encode())) + 2
    for part in (left[0], left[1].rstrip("=")):
        decoded = base64.urlsafe_b64decode(part + "A" * (-len(part) % 4))
        assert not any(TOKEN[at : at + 2].encode() in decoded for at in range(len(TOKEN) - 1))


@given(st.text(min_size=4, max_size=20).filter(lambda text: "*" not in text), st.binary(max_size=5))
def test_base64_of_any_secret(secret: str, before: bytes) -> None:
    """However many bytes its characters have."""
    text = base64.b64encode(before + secret.encode() + before).decode()
    assert MASK in Mask([secret]).text(text)


@pytest.mark.parametrize(
    "written",
    [
        TOKEN,
        quote(TOKEN),
        quote(TOKEN, safe=""),
        quote_plus(TOKEN),
        quote(TOKEN, safe="").lower(),
        urlencode({"k": TOKEN}).removeprefix("k="),
        str(httpx.URL("https://a.example", params={"k": TOKEN}).query, "ascii")[2:],
        str(httpx.URL(f"https://u:{quote(TOKEN, safe='')}@a.example").userinfo, "ascii")[2:],
        str(httpx.URL(f"https://a.example/{TOKEN}").raw_path, "ascii")[1:],
        TOKEN.encode().hex(),
        TOKEN.encode().hex().upper(),
        TOKEN.replace("&", "&amp;"),
    ],
)
def test_other_ways_to_write_it(written: str) -> None:
    """In URLs, whoever made them, in hexadecimal and in HTML."""
    assert Mask([TOKEN]).text(f"a {written} b") == f"a {MASK} b"


@pytest.mark.parametrize("secret", ['a"b\\c', "line 1\nline 2", "schl\u00fcssel", "\U0001f511key"])
def test_escapes_of_json_and_python(secret: str) -> None:
    """A secret inside a text that is JSON, or that shows a value."""
    mask = Mask([secret])
    assert json.loads(mask.text(json.dumps({"key": secret}))) == {"key": MASK}
    assert json.loads(mask.text(json.dumps([secret], ensure_ascii=False))) == [MASK]
    assert mask.text(repr(KeyError(secret)))[10:-2] == MASK
    assert mask.text(repr(secret.encode()))[2:-1] == MASK


def test_overlapping_secrets_leave_no_rest() -> None:
    """Neither of each other nor of themselves."""
    assert Mask(["abcdef", "defghi"]).text("xabcdefghix") == f"x{MASK}x"
    assert Mask(["abab"]).text("xabababax") == f"x{MASK}ax"
    assert Mask(["secret", "secret-long"]).text("a secret-long one") == f"a {MASK} one"


def test_a_short_secret_is_masked_where_it_is_the_whole_text() -> None:
    """Inside others it would be found by chance, and a text with holes would tell it."""
    mask = Mask(["abc", ""])
    assert mask.json({"abc": ["abc", "xabcx", ""], "n": 1}) == {MASK: [MASK, "xabcx", ""], "n": 1}
    assert mask.text("abc") == MASK


def test_numbers_that_are_a_secret() -> None:
    """Written like it, whole or not; truth is no number, and a short secret no reason."""
    mask = Mask(["471100", "12.5", "0", "1", "0000", "2e5000", "-1e+300", "9" * 5000])
    value = [471100, 471100.0, 4711001, 12.5, -1e300, 0, 1, 1e200, True, False, None]
    masked = [MASK, MASK, 4711001, MASK, MASK, 0, 1, 1e200, True, False, None]
    assert mask.json(value) == masked
    assert mask.json({"only": 471100}) == {"only": MASK}


def test_keys_that_become_the_same_are_kept_apart() -> None:
    """No member is lost, and the order stays."""
    value = {"secret-1": 1, "a": 2, "secret-2": 3, MASK: 4, "secret-3": 5}
    masked = Mask(["secret-1", "secret-2", "secret-3"]).json(value)
    assert list(masked.values()) == [1, 2, 3, 4, 5]
    assert set(masked) == {"a", MASK, f"{MASK} (2)", f"{MASK} (3)", f"{MASK} (4)"}


def test_separators_and_half_characters_are_text_like_any_other() -> None:
    """Whatever the mask joins texts with may stand in them, or in a secret."""
    odd = "\0\x1f\x1e\x1d\ue000\uf8ff\U0010fffd"
    assert Mask(["secret"]).json([odd, "secret", odd]) == [odd, MASK, odd]
    assert Mask([odd, "secret"]).json([odd, "a secret", "\0"]) == [MASK, f"a {MASK}", "\0"]
    assert Mask(["sec\udcffret"]).json(["a sec\udcffret", "\udcff"]) == [f"a {MASK}", "\udcff"]


def test_a_secret_of_stars_comes_to_an_end() -> None:
    """What the mask itself writes is not masked again."""
    assert Mask(["*****"]).text("a *** b *****") == f"a *** b {MASK}"


def test_a_mask_does_not_show_what_it_masks() -> None:
    """Not in a traceback with locals either."""
    assert TOKEN not in repr(Mask([TOKEN]))
    assert bool(Mask([TOKEN])) is True
    assert bool(Mask([""])) is False


def failed(**changed: Any) -> ActionError:
    """An error that holds the token wherever an error can hold something."""
    cause = ValueError(TOKEN)
    error = ActionError(
        f"CODE_{TOKEN}",
        f"Not with {TOKEN}.",
        category=Category.TRANSIENT,
        retryable=True,
        details={"sent": {"key": TOKEN}, "n": 3, **changed},
        retry_after=2.5,
        remedy=f"Replace {TOKEN}.",
    )
    error.add_note(f"sent {TOKEN}")
    error.__cause__ = cause
    return error


def test_an_error_is_masked_and_stays_what_it_is() -> None:
    """Code, message, remedy, details and notes; its causes are gone, as they may hold anything."""
    error = failed()
    assert Mask([TOKEN]).error(error) is error
    assert str(error) == f"Not with {MASK}. Replace {MASK}."
    assert (error.error_code, error.details) == (
        f"CODE_{MASK}",
        {"sent": {"key": MASK}, "n": 3},
    )
    assert (error.category, error.retryable, error.retry_after) == (Category.TRANSIENT, True, 2.5)
    assert (error.__cause__, error.__context__, error.__notes__) == (None, None, [f"sent {MASK}"])
    assert error.args == (f"Not with {MASK}.",)
    assert TOKEN not in json.dumps(error.info().as_json())


def test_a_long_message_is_masked_before_it_is_cut() -> None:
    """Else the half that is left of a secret would not be found."""
    message = "x" * 1990 + TOKEN
    info = Mask([TOKEN]).error(ActionError("A", message)).info()
    assert info.message == "x" * 1990 + MASK


@pytest.mark.parametrize(
    "held",
    [
        (TOKEN, [(TOKEN,)]),
        {7: TOKEN},
        {TOKEN: 1},
    ],
)
def test_details_that_are_nearly_json_are_masked_too(held: Any) -> None:
    """What is written as JSON in the end is what is masked."""
    info = Mask([TOKEN]).error(failed(held=held)).info()
    assert TOKEN not in json.dumps(info.as_json())
    assert info.details is not None
    assert MASK in json.dumps(info.details["held"])


def test_details_that_are_not_json_are_left_out() -> None:
    """An object, or something that holds itself."""
    circle: list[Any] = [TOKEN]
    circle.append(circle)
    deep: list[Any] = [TOKEN]
    for _ in range(100_000):
        deep = [deep]
    for held in (object(), circle, deep, float("nan")):
        error = Mask([TOKEN]).error(failed(held=held))
        assert error.details == {"omitted": "The details are not JSON."}


def test_a_mebibyte_with_twenty_secrets_takes_a_moment() -> None:
    """In one text, in many, with a secret in every tenth and with none (a bound of ten times)."""
    secrets = [f"{number:02}-Tok/en+{number * 7919:030}" for number in range(20)]
    mask = Mask(secrets)
    clean = {"rows": [{"id": n, "name": f"some name {n:020}"} for n in range(20_000)]}
    dirty = [f"{secrets[n % 20]} {n}" if n % 10 == 0 else f"row {n:040}" for n in range(20_000)]
    for value in (clean, dirty, "x" * 2**20, "0" * 2**20):
        began = time.perf_counter()
        mask.json(value)
        assert time.perf_counter() - began < 1


def test_texts_that_repeat_themselves_take_linear_time() -> None:
    """A secret that is found at every place of a text."""
    mask = Mask(["a" * 40, "ab" * 40])
    began = time.perf_counter()
    assert mask.text("a" * 2**20) == MASK
    assert mask.text("ab" * 2**19) == MASK
    assert time.perf_counter() - began < 10

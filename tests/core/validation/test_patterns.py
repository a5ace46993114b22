"""Patterns are matched in bounded time, or refused."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.errors import InputError
from alga_workflows_core.validation.patterns import (
    MAX_PATTERN_LENGTH,
    MAX_POSITIONS,
    matches,
    pattern_fault,
    pattern_faults,
)
from alga_workflows_core.validation.payload import check_payload

LONG = 256 * 1024
"""Characters; a payload has no more bytes."""


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^(a+)+$", "a" * LONG + "b"),
        ("(x+x+)+y", "x" * LONG),
        ("^(a|a)*$", "a" * LONG + "b"),
        ("^(.*?,){11}P", "1," * (LONG // 2)),
        ("(a?){100}a{100}$", "a" * LONG + "b"),
        (r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+$", "a" * LONG),
    ],
)
@pytest.mark.parametrize("where", ["pattern", "names", "additional", "reference"])
def test_a_pattern_that_explodes_elsewhere_is_answered_soon(
    pattern: str, text: str, where: str
) -> None:
    """Python's engine would need longer than the universe has been there."""
    schemas: dict[str, dict[str, Any]] = {
        "pattern": {"properties": {"a": {"pattern": pattern}}},
        "names": {"patternProperties": {pattern: False}},
        "additional": {"patternProperties": {pattern: True}, "additionalProperties": False},
        "reference": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {"a": {"$ref": "#/$defs/a"}},
            "$defs": {
                "a": {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "pattern": pattern,
                }
            },
        },
    }
    payload = {text: 1} if where in ("names", "additional") else {"a": text}
    began = time.perf_counter()
    with contextlib.suppress(InputError):
        check_payload(schemas[where], payload, definition_id="a")
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "backreferences"),
        ("(", "unclosed group"),
        ("a)", "unopened group"),
        ("*a", "missing expression"),
        ("a{2", "repetition"),
        ("a" * (MAX_PATTERN_LENGTH + 1), "1000 characters at most"),
        ("a{501}", "stands for 501 characters"),
        ("(ab){251}", "stands for 502 characters"),
        ("((a{10}){10}){10}", "stands for 1000 characters"),
        (r"(\d{9}-){60}", "stands for 600 characters"),
        ("[ab]{400,501}", "stands for 501 characters"),
        (r"(?:\p{L}{2,}x){60}", "stands for 900 characters"),
        (r"[\w-]{72}", "stands for 504 characters"),
        (r"\w{20}" * 6, "stands for 840 characters"),
        ("(?i:a{1000})", "stands for 1000 characters"),
        ("[a&&b]", "with a backslash"),
        ("[a--z]", "with a backslash"),
        ("[[:alpha:]]", "with a backslash"),
        ("[a[b]", "with a backslash"),
        ("[]", "with a backslash"),
        ("(?x) a", "without the flag x"),
    ],
)
def test_what_cannot_be_bounded_is_refused(pattern: str, reason: str) -> None:
    """With the reason, and no text is matched against it."""
    fault = pattern_fault(pattern)
    assert fault is not None
    assert reason in fault
    assert fault.endswith(".")
    assert len(fault) < 250
    with pytest.raises(ValueError, match=re.escape(fault)):
        matches(pattern, "a")
    assert list(pattern_faults({"pattern": pattern})) == [(("pattern",), fault)]
    held: dict[str, Any] = {"patternProperties": {"^a$": True, pattern: {}}}
    assert list(pattern_faults(held)) == [(("patternProperties", pattern), fault)]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}$", "AT611904300234573201", True),
        ("^[^@ ]+@[^@ ]+$", "ada@example.com", True),
        (r"^\+?[0-9 ()/-]{5,20}$", "+43 (1) 234-56", True),
        ("b", "abc", True),
        ("^b", "abc", False),
        ("a$", "a\n", False),
        ("^.$", "\n", False),
        (r"^\p{L}+$", "Zürich", True),
        (r"^\w+$", "größe", True),
        (r"^[\w.-]{1,64}$", "größe", True),
        ("^.{3}$", "a😀ü", True),
        (r"^[\]\[\-\\^]+$", "[]-\\^", True),
        (r"[^\]]", "]", False),
        ("^(?i)straSSE$", "STRASSE", True),
        ("(?i:a)b", "Ab", True),
        ("(?P<year>[0-9]{4})", "in 2026", True),
        (r"\u00e9\x41", "éA", True),
        ("a{500}", "a" * 500, True),
        ("", "", True),
        ("^a", "\ud800", False),
    ],
)
def test_what_is_matched(pattern: str, text: str, found: bool) -> None:
    """Anywhere in the text, by characters; `$` is the very end."""
    assert pattern_fault(pattern) is None
    assert matches(pattern, text) is found


PIECES = st.sampled_from(
    [
        "a",
        "b",
        ".",
        r"\d",
        r"\.",
        "[ab]",
        "[^a-c]",
        "(a|b)",
        "(?:ab)",
        "a*",
        "b+",
        "(a*b)?",
        "x{2,3}",
    ]
)


@given(st.lists(PIECES, max_size=6).map("".join), st.text("abcx1.\n", max_size=12))
@settings(max_examples=300, deadline=None)
@example("^a?$", "")
def test_plain_patterns_mean_what_they_mean_in_python(pattern: str, text: str) -> None:
    """So that schemas need no second thought."""
    assert matches(pattern, text) == (re.search(pattern, text) is not None)


@given(st.text(r"ab01{}[]()|*+?\^$-,.:<>P=!x&~", max_size=25))
@settings(max_examples=400, deadline=None)
def test_no_pattern_is_a_crash(pattern: str) -> None:
    """It is matched, or there is a reason why not."""
    fault = pattern_fault(pattern)
    if fault is None:
        assert isinstance(matches(pattern, "ab01"), bool)
    else:
        assert fault.endswith(".")


def test_the_slowest_pattern_that_is_let_pass_is_bounded() -> None:
    """Each character of the text is compared with every position of the pattern at most."""
    count = (MAX_POSITIONS - 4) // 2
    pattern = f"(0|1)*1(0|1){{{count}}}x"
    assert pattern_fault(pattern) is None
    text = "".join(f"{byte:08b}" for byte in hashlib.shake_256(b"a").digest(LONG // 8))
    began = time.perf_counter()
    assert not matches(pattern, text)
    assert time.perf_counter() - began < 20


def test_a_schema_that_was_published_before_is_told_apart() -> None:
    """Its payloads are refused with what has to be done."""
    with pytest.raises(InputError, match="No payload can be held against the schema of 'old'"):
        check_payload({"pattern": "(?=a)"}, "b", definition_id="old")

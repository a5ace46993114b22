"""Strict JSON: one meaning for every reader, or refused with its place."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.errors import InputError
from alga_workflows_core.types.strict_json import loads

MEGABYTE = 10**6

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=30,
)


def refused(data: bytes | str) -> InputError:
    with pytest.raises(InputError) as caught:
        loads(data)
    assert str(caught.value).encode()
    assert caught.value.remedy
    return caught.value


@given(value=JSON_VALUES, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
@settings(max_examples=100, deadline=None)
def test_what_json_writes_is_read(value: Any, ascii_only: bool, indent: int | None) -> None:
    """Any JSON value comes back equal, as text and as bytes, escaped or not."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert loads(text) == value
    assert loads(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        # From 3.13 on Python's reader points at the comma, before at what stands behind it.
        ("[1,]", 1, 3 if sys.version_info >= (3, 13) else 4),
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3),
        ('{"a" 1}', 1, 6),
        ("[1] x", 1, 5),
        ("01", 1, 2),
        ("-", 1, 1),
        ("'a'", 1, 1),
        ("[٣]", 1, 2),
        ("[1\u00a0]", 1, 3),
        ('"\x01"', 1, 2),
        ('"open', 1, 1),
        ("// no\n1", 1, 1),
    ],
)
def test_a_fault_of_syntax_has_its_place(text: str, line: int, column: int) -> None:
    """Malformed text is refused with line and column, counted from one."""
    error = refused(text)
    assert error.error_code == "JSON_SYNTAX"
    assert (error.details["line"], error.details["column"]) == (line, column)
    assert f"line {line}, column {column}" in str(error)


@pytest.mark.parametrize(
    ("text", "path", "line", "column"),
    [
        ('{"a": 1, "a": 1}', "/a", 1, 10),
        ('{"a": {"b": [1, {"c": 1,\n "c": 2}]}}', "/a/b/1/c", 2, 2),
        ('{"\\u0061": 1, "a": 2}', "/a", 1, 15),
        ('[{"a": 1}, {"a": "a", "b": ["a", "a"], "a": 2}]', "/1/a", 1, 40),
        ('{"x/y": {"~": 1, "~": 2}}', "/x~1y/~0", 1, 18),
        ('{"": 1, "": 2}', "/", 1, 9),
        ('{"a": "\\"", "b,": "{", "b,": 1}', "/b,", 1, 24),
    ],
)
def test_a_duplicate_key_is_refused(text: str, path: str, line: int, column: int) -> None:
    """The second of two equal keys is named, by its path and its place."""
    error = refused(text)
    assert error.error_code == "JSON_DUPLICATE_KEY"
    assert error.path == path
    assert (error.details["line"], error.details["column"]) == (line, column)
    assert "occurs twice" in error.message


def test_the_same_key_in_other_objects_is_no_duplicate() -> None:
    """Keys are compared within one object, and exactly."""
    text = '{"a": {"a": [{"a": 1}, {"a": 2}]}, "A": "a", "a ": "a"}'
    assert loads(text)["a"]["a"] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("NaN", None),
        ("[-Infinity]", "/0"),
        ('{"a": [true, null, Infinity]}', "/a/2"),
        ("[1, 9007199254740992]", "/1"),
        ("-9007199254740992", None),
        ('{"a": 1e999}', "/a"),
        ("[" + "9" * 5000 + "]", "/0"),
    ],
)
def test_a_number_that_would_change_is_refused(text: str, path: str | None) -> None:
    """NaN, Infinity, doubles out of range and whole numbers beyond 2^53 - 1 are refused."""
    error = refused(text)
    assert error.error_code == "JSON_NUMBER"
    assert error.path == path
    assert error.details["line"] == 1
    assert len(str(error)) < 300


def test_equal_numbers_are_read_alike() -> None:
    """A whole number is an integer however it is written, as far as every reader keeps it."""
    values = loads("[9007199254740991, -9007199254740991, 1e20, 9007199254740993.0, -0.5]")
    assert values == [2**53 - 1, -(2**53) + 1, 1e20, 9007199254740992.0, -0.5]
    assert [type(each) for each in values] == [int, int, float, float, float]
    assert json.dumps(loads("[1.0, -2.50e1, 10e-1, -0.0, 9007199254740991.0]")) == (
        "[1, -25, 1, 0, 9007199254740991]"
    )


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b'{"a":\n"\xe9"}', 2, 2),
        ('"é'.encode() + b'\xff"', 1, 3),
        (b"\xff\xfe[\x00]\x00", 1, 1),
        ("\ufeff{}", 1, 1),
        ("\ufeff{}".encode(), 1, 1),
        ('"\\ud800"', 1, 2),
        ('"\\uDC00\\ud800"', 1, 2),
        ('["ok",\n "\\ud83d\\ude00 \\ud83d"]', 2, 16),
        ('{"\\ud800": 1}', 1, 3),
        ('"a\ud800"', 1, 3),
        ('{"\\ud800": 1, "\\ud800": 2}', 1, 3),
    ],
)
def test_text_that_is_no_text_is_refused(data: bytes | str, line: int, column: int) -> None:
    """Other encodings, a byte order mark and half surrogate pairs are refused at their place."""
    error = refused(data)
    assert error.error_code == "JSON_TEXT"
    assert (error.details["line"], error.details["column"]) == (line, column)


def test_whole_pairs_and_escaped_backslashes_are_text() -> None:
    """A pair of escapes is one character, and an escaped backslash begins no escape."""
    assert loads('"\\ud83d\\ude00"') == "😀"
    assert loads('"\\\\ud800"') == "\\ud800"


def test_depth_ends_at_a_hundred() -> None:
    """A hundred levels are read, one more is refused where it begins; strings do not count."""
    assert loads("[" * 100 + "]" * 100)
    error = refused("[" * 101 + "]" * 101)
    assert error.error_code == "JSON_DEPTH"
    assert error.details["column"] == 101
    assert loads(json.dumps(["[" * 1000, '"' + "{" * 1000])) == ["[" * 1000, '"' + "{" * 1000]
    assert len(loads("[" + ",".join(["[[]]"] * 1000) + "]")) == 1000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * MEGABYTE, "JSON_DEPTH"),
        ('{"a":' * (MEGABYTE // 5), "JSON_DEPTH"),
        ("[]" * (MEGABYTE // 2), "JSON_SYNTAX"),
        ('"' * MEGABYTE, "JSON_SYNTAX"),
        ('"' + '\\"' * (MEGABYTE // 2), "JSON_SYNTAX"),
        ('"\\u' * (MEGABYTE // 5), "JSON_SYNTAX"),
        ("\\" * MEGABYTE, "JSON_SYNTAX"),
        ("1" * MEGABYTE, "JSON_NUMBER"),
        ("-" * MEGABYTE, "JSON_SYNTAX"),
        (" " * MEGABYTE, "JSON_SYNTAX"),
        ("\0" * MEGABYTE, "JSON_SYNTAX"),
        ("{" + '"a":1,' * (MEGABYTE // 6) + '"b":1}', "JSON_DUPLICATE_KEY"),
        ("[" + "1," * (MEGABYTE // 2) + "NaN]", "JSON_NUMBER"),
        ("[" + '"\\ud83d\\ude00",' * (MEGABYTE // 15) + '"\\ud83d"]', "JSON_TEXT"),
    ],
    ids=range(14),
)
def test_hostile_megabytes_are_refused_soon(text: str, code: str) -> None:
    """A megabyte of the worst costs a moment, never a crash."""
    begun = time.perf_counter()
    assert refused(text).error_code == code
    assert time.perf_counter() - begun < 5


def outcome(data: bytes | str) -> tuple[bool, Any]:
    """Whether `data` was read, and its value; if not, the error has a code and can be shown."""
    try:
        return True, loads(data)
    except InputError as error:
        found = error
    assert found.error_code.startswith("JSON_")
    assert str(found).encode()
    return False, None


@given(text=st.text(alphabet='[]{}:,"\\u0dD8c1-.eE+ \nntNI\ud800é', max_size=40))
@example(text='{"a":1,"a"')
@example(text='{"a":1,"a":NaN')
@example(text='{"a":NaN,"a":1')
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_as_json_reads_it_or_refused(text: str) -> None:
    """What is accepted has the standard reader's value; all else is an InputError with a code."""
    is_read, value = outcome(text)
    assert not is_read or value == json.loads(text)


@given(data=st.binary(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Bytes that are not JSON in UTF-8 are an InputError, nothing else."""
    is_read, value = outcome(data)
    assert not is_read or value == json.loads(data.decode())

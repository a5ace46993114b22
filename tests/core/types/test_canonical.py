"""Canonical JSON and the hash that names a version."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.errors import InputError
from alga_workflows_core.types.canonical import canonical, content_hash
from alga_workflows_core.types.strict_json import loads

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(
        lambda x: abs(x) < 2**53 or abs(x) >= 1e21
    )
    | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=30,
)


def seeded(seed: int) -> Random:
    """A source of chance that can be repeated."""
    return Random(seed)  # noqa: S311 - repeatable is the point


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"b": [True, False], "a": {}}, '{"a":{},"b":[true,false]}'),
        ([1.0, -0.0, 1e21, 1e-7, 0.000001, 333333333.33333329, 4.50], None),
        ({"\u20ac": 1, "\r": 2, "1": 3, "\U0001f600": 4, "\u00f6": 5, "\ufb33": 6}, None),
        ('\u20ac$\u000f\nA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
    ],
)
def test_the_form_is_that_of_rfc_8785(value: object, text: str | None) -> None:
    """Keys in order of UTF-16, numbers as ECMAScript writes them, no blanks, short escapes."""
    written = canonical(value).decode()
    if text is not None:
        assert written == text
    elif isinstance(value, list):
        assert written == "[1,0,1e+21,1e-7,0.000001,333333333.3333333,4.5]"
    else:
        assert written == '{"\\r":2,"1":3,"\u00f6":5,"\u20ac":1,"\U0001f600":4,"\ufb33":6}'


def shuffled(value: Any, chance: Random) -> Any:
    """`value` with the keys of every object in another order."""
    if isinstance(value, list):
        return [shuffled(item, chance) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        items = [(key, shuffled(item, chance)) for key, item in fields.items()]
        chance.shuffle(items)
        return dict(items)
    return value


@given(value=JSON_VALUES, seed=st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_key_order_does_not_matter(value: Any, seed: int) -> None:
    """Equal values give equal bytes and equal hashes."""
    other = shuffled(value, seeded(seed))
    assert canonical(other) == canonical(value)
    assert content_hash(other) == content_hash(value)


@given(value=JSON_VALUES)
@settings(max_examples=150, deadline=None)
def test_reading_it_back_changes_nothing(value: Any) -> None:
    """The bytes are read back by the strict reader to an equal value with the same bytes."""
    written = canonical(value)
    read = loads(written)
    assert read == value
    assert canonical(read) == written
    assert canonical(loads(json.dumps(value))) == written


def test_the_hash_is_the_sha256_of_the_bytes() -> None:
    """The name of a version is plain and can be computed elsewhere."""
    empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert content_hash({}) == empty
    assert content_hash({"a": 1}) != content_hash({"a": 2})


class Colour(StrEnum):
    RED = "red"


def test_subclasses_of_json_types_count_as_those() -> None:
    """Enumerations of text and tuples, as models hold them, are text and lists."""
    assert canonical({"c": Colour.RED, "t": (1, 2)}) == b'{"c":"red","t":[1,2]}'


def deep(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def endless() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("make", "code", "path"),
    [
        (lambda: {"a": [float("nan")]}, "JSON_NUMBER", "/a/0"),
        (lambda: float("inf"), "JSON_NUMBER", None),
        (lambda: [2**53], "JSON_NUMBER", "/0"),
        (lambda: [-(2**53)], "JSON_NUMBER", "/0"),
        (lambda: {"x/y": 1e20}, "JSON_NUMBER", "/x~1y"),
        (lambda: {"a": "\ud800"}, "JSON_TEXT", "/a"),
        (lambda: {"\ud800": 1}, "JSON_TEXT", None),
        (lambda: {1: 2}, "JSON_TYPE", None),
        (lambda: {"a": {"b": b"x"}}, "JSON_TYPE", "/a/b"),
        (lambda: {"a": {1, 2}}, "JSON_TYPE", "/a"),
        (lambda: deep(101), "JSON_DEPTH", "/0" * 10),
        (lambda: deep(100_000), "JSON_DEPTH", "/0" * 10),
        (endless, "JSON_DEPTH", "/0" * 10),
    ],
)
def test_what_has_no_canonical_form_is_refused(
    make: Callable[[], Any], code: str, path: str | None
) -> None:
    """What readers would read differently is an InputError with its path."""
    for function in (canonical, content_hash):
        with pytest.raises(InputError) as caught:
            function(make())
        assert caught.value.error_code == code
        assert caught.value.path == path
        assert caught.value.remedy
        assert str(caught.value).encode()


def test_the_limits_themselves_are_accepted() -> None:
    """A hundred levels and 2^53 - 1 have a form."""
    assert canonical(deep(100)) == b"[" * 100 + b"]" * 100
    assert canonical([2**53 - 1, -(2**53) + 1]) == b"[9007199254740991,-9007199254740991]"

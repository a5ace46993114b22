"""A document is read from JSON and YAML alike, and every part of it has its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.definition.source import MAX_SOURCE_BYTES, Media, Source, read
from alga_workflows_core.errors import InputError, TooLargeError
from alga_workflows_core.types.pointers import pointer

DOCUMENT: dict[str, Any] = {
    "id": "a",
    "steps": [{"id": "b", "value": {"to/cc": [1, None]}}, [], "c"],
    "": {"~": True},
    "~2": 0,
}

AS_JSON = """
{
  "id": "a",
  "steps": [
    {"id": "b",
     "value": {"to/cc": [1,
       null]}}, [], "c"
  ],


  "": {"\\u007e": true}, "~2": 0
}
"""

AS_YAML = """\
# A comment.
id: a
steps:
  - id: b
    value:
      to/cc:
        - 1
        -
  - []
  - &c "c"
? ""
: {"\\u007e": true}
~2: 0
"""

# Pointer to its place in the one and in the other.
PLACES = {
    "": ((2, 1), (2, 1)),
    "/id": ((3, 3), (2, 1)),
    "/steps": ((4, 3), (3, 1)),
    "/steps/0": ((5, 5), (4, 5)),
    "/steps/0/id": ((5, 6), (4, 5)),
    "/steps/0/value": ((6, 6), (5, 5)),
    "/steps/0/value/to~1cc": ((6, 16), (6, 7)),
    "/steps/0/value/to~1cc/0": ((6, 26), (7, 11)),
    "/steps/0/value/to~1cc/1": ((7, 8), (8, 10)),
    "/steps/1": ((7, 17), (9, 5)),
    "/steps/2": ((7, 21), (10, 5)),
    "/": ((11, 3), (11, 3)),
    "//~0": ((11, 8), (12, 4)),
    "/~02": ((11, 25), (13, 1)),
}

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters="\x7f")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab~/01", max_size=3), inner)
    ),
    max_leaves=15,
)


def pointers(value: Any, here: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of a JSON value with its pointer."""
    yield here, value
    members: Any = []
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        members = enumerate(cast("list[Any]", value))
    for name, member in members:
        yield from pointers(member, here + pointer(name))


def refused(text: bytes, name: str, media: Media | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(text, name=name, media=media)
    return caught.value


@pytest.mark.parametrize("where", PLACES)
def test_every_part_has_its_place(where: str) -> None:
    """A member stands where its name begins, all else where it begins itself, in both forms."""
    in_json = read(AS_JSON.encode(), name="a.json")
    in_yaml = read(AS_YAML.encode(), name="a.yaml")
    assert in_json.document == in_yaml.document == DOCUMENT
    assert (in_json.position(where), in_yaml.position(where)) == PLACES[where]


def test_the_table_of_places_is_complete() -> None:
    """The test above looks at every part of its document."""
    assert set(PLACES) == {where for where, _ in pointers(DOCUMENT)}


@pytest.mark.parametrize(
    "where",
    [
        "id",
        "/ID",
        "/steps/3",
        "/steps/-",
        "/steps/00",
        "/steps/+1",
        "/steps/²",
        "/steps/0/",
        f"/steps/{'9' * 5000}",
        "/id/0",
        "/~2",
        "/~",
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_what_is_not_there_has_no_place(where: str, name: str) -> None:
    """A pointer that leads nowhere, or is no JSON Pointer, has no place."""
    text = AS_JSON if name == "a.json" else AS_YAML
    assert read(text.encode(), name=name).position(where) is None


@given(value=JSON_VALUES, indent=st.sampled_from([None, 1, 4]))
@settings(max_examples=100, deadline=None)
def test_places_are_where_things_are(value: Any, indent: int | None) -> None:
    """At the place of a part its name or its value begins; read as YAML, all places are equal."""
    text = json.dumps(value, indent=indent)
    lines = text.split("\n")
    source = read(text.encode(), name="", media="json")
    same = read(text.encode(), name="", media="yaml")
    for where, part in pointers(value):
        position = source.position(where)
        assert position is not None
        line, column = position
        rest = lines[line - 1][column - 1 :]
        name = where.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        begins = json.dumps(part)[0]
        assert rest.startswith((f"{json.dumps(name)}: ", begins))
        assert same.position(where) == position


@pytest.mark.parametrize(
    ("text", "name", "media", "expected"),
    [
        (b"{}", "a.json", None, "json"),
        (b"{}", "a.yaml", None, "yaml"),
        (b"{}", "a.YML", None, "yaml"),
        (b"[]", "folder.yaml/a.Json", None, "json"),
        (b"{}", "a.txt", None, "json"),
        (b" \r\n\t{}", "-", None, "json"),
        (b"[]", "-", None, "yaml"),
        (b"a: 1", "-", None, "yaml"),
        (b"a: 1", "", None, "yaml"),
        (b"a: 1", "a.json", "yaml", "yaml"),
        (b"{}", "a.yaml", "json", "json"),
    ],
)
def test_the_form_is_known(text: bytes, name: str, media: Media | None, expected: str) -> None:
    """What the caller says decides, else the name's ending, else the first character."""
    source = read(text, name=name, media=media)
    assert (source.media, source.name) == (expected, name)


@pytest.mark.parametrize(
    ("text", "name", "code", "line", "column"),
    [
        (b'{"a": }', "a.json", "JSON_SYNTAX", 1, 7),
        (b'{"a": 1,\n "a": 1}', "a.json", "JSON_DUPLICATE_KEY", 2, 2),
        (b'{"a": 1,\n "a": 1}', "a.yaml", "JSON_DUPLICATE_KEY", 2, 2),
        (b"[NaN]", "a.json", "JSON_NUMBER", 1, 2),
        (b"[.NaN]", "a.yaml", "JSON_NUMBER", 1, 2),
        (b"[" * 101, "a.json", "JSON_DEPTH", 1, 101),
        (b"[" * 101, "a.yaml", "JSON_DEPTH", 1, 101),
        (b'{"a":\xff}', "a.json", "JSON_TEXT", 1, 6),
        (b"a: \xff", "a.yaml", "JSON_TEXT", 1, 4),
        (b"\xef\xbb\xbf{}", "a.json", "JSON_TEXT", 1, 1),
        (b"\xef\xbb\xbfa: 1", "a.yaml", "JSON_TEXT", 1, 1),
        ("a: 1".encode("utf-16"), "a.yaml", "JSON_TEXT", 1, 1),
        (b"a: [", "a.yaml", "YAML_SYNTAX", 1, 5),
        (b"a: !x y", "a.yaml", "YAML_UNSUPPORTED", 1, 4),
        (b" " * (MAX_SOURCE_BYTES + 1), "a.json", "SIZE_LIMIT", 1, 1),
        (b" " * (MAX_SOURCE_BYTES + 1), "a.yaml", "SIZE_LIMIT", 1, 1),
    ],
)
def test_what_cannot_be_read_has_its_place(
    text: bytes, name: str, code: str, line: int, column: int
) -> None:
    """JSON and YAML are refused with the same codes, each with line, column and what to do."""
    error = refused(text, name)
    assert error.error_code == code
    assert (error.details["line"], error.details["column"]) == (line, column)
    assert error.remedy
    assert isinstance(error, TooLargeError) == (code == "SIZE_LIMIT")


def test_a_long_text_is_read() -> None:
    """Text of as many bytes as are allowed is read."""
    text = b"{}" + b" " * (MAX_SOURCE_BYTES - 2)
    assert read(text, name="a.json").document == {}


def test_a_source_is_a_value() -> None:
    """A source does not change; two readings of one text are equal."""
    source: Source = read(b"a: 1", name="a.yaml")
    assert source == read(b"a: 1", name="a.yaml")
    with pytest.raises(FrozenInstanceError):
        source.name = "b"  # pyright: ignore[reportAttributeAccessIssue] - it is what is tested

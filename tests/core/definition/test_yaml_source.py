"""YAML is read by the core schema of YAML 1.2, as far as it is JSON, and within bounds."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.definition.yaml_source import MAX_CHARACTERS, MAX_NODES, load_yaml
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.strict_json import loads

MEGABYTE = 10**6
# On a slow machine; what takes quadratic time takes hours.
SECONDS = 60.0

# What YAML does not let stand in a text as it is; JSON does.
NOT_AS_IT_IS = [*map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029", "\ufffe", "\uffff"]

# PyYAML does not count a byte order mark in the middle as a column.
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\ufeff")

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["on", "no", "~", "<<", "0o17", "1_000", "- a", "a: b", "# c", "!x", "&y"]),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5)
    ),
    max_leaves=30,
)


def value_of(text: str | bytes) -> Any:
    return load_yaml(text)[0]


def refused(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        load_yaml(text)
    assert str(caught.value).encode()
    assert caught.value.remedy
    return caught.value


def same(left: Any, right: Any) -> bool:
    """Equal, and with the same kinds of numbers."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


# The core schema of YAML 1.2.2, 10.3.2, and beside it what looks like it and is text.
NULLS = ["null", "Null", "NULL", "~", ""]
TRUTHS = ["true", "True", "TRUE"]
LIES = ["false", "False", "FALSE"]
NUMBERS = {
    "0": 0,
    "-0": 0,
    "+12": 12,
    "-19": -19,
    "007": 7,
    "010": 10,
    f"{'0' * 30}1": 1,
    "9007199254740991": 2**53 - 1,
    "-9007199254740991": -(2**53) + 1,
    "0o7": 7,
    "0o17": 15,
    "0o010": 8,
    "0x3A": 58,
    "0x1F": 31,
    "0xff": 255,
    "0o377777777777777777": 2**53 - 1,
    "0x1fffffffffffff": 2**53 - 1,
    "0.": 0,
    "-0.0": 0,
    ".5": 0.5,
    "+.5": 0.5,
    "-.5": -0.5,
    "1.": 1,
    "0.10": 0.1,
    "+12e03": 12000,
    "-2E+05": -200000,
    "1.5e-3": 0.0015,
    "1e3": 1000,
    "1e17": 1e17,
    "9007199254740993.0": 9007199254740992.0,
    "1.7976931348623157e308": 1.7976931348623157e308,
}
TEXTS = [
    *["nULL", "nil", "None", "~~", "undefined", "tRUE", "on", "On", "ON", "off", "yes", "Yes"],
    *["no", "NO", "y", "n", "0o8", "0O7", "-0o7", "+0x1", "0xg", "0x", "0X1F", "0b1", "1_000"],
    *[".", "+", "..", "1.2.3", "1e", "e3", "1e+", "--1", "+-1", "1,5", "1.2e3x", "1 2", "٣", "½"],
    *[".inF", ".Nan", "+.nan", "inf", "nan", "Infinity", "2026-11-22", "2026-11-22T10:00:00Z"],
    *["12:30:00", "190:20:30", "<<", "=", "a b", "a:b", "http://a/b#c", "a#b", "-a", "?a", ":a"],
]

# The core schema of YAML 1.2.2, 10.3.2, and beside it what looks like it and is text.
CORE_SCHEMA: list[tuple[str, Any]] = [
    *((text, None) for text in NULLS),
    *((text, True) for text in TRUTHS),
    *((text, False) for text in LIES),
    *NUMBERS.items(),
    *((text, text) for text in TEXTS),
]


@pytest.mark.parametrize(("text", "expected"), CORE_SCHEMA)
def test_a_plain_scalar_is_what_the_core_schema_says(text: str, expected: Any) -> None:
    """A scalar without quotes is null, a boolean or a number of YAML 1.2, else text."""
    assert same(value_of(f"- {text}"), [expected])
    assert same(value_of(f"a: {text}\n"), {"a": expected})


@pytest.mark.parametrize(("text", "expected"), CORE_SCHEMA)
def test_a_quoted_scalar_is_text(text: str, expected: Any) -> None:
    """In quotes, and in a block, everything is text."""
    assert value_of(f"- '{text}'") == value_of(f'- "{text}"') == [text]
    assert value_of(f"- |-\n {text}\n") == [text]


@pytest.mark.parametrize(
    "text",
    [
        *[".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN", ".NAN", "1e999", "-1e400", "1" * 5000],
        *["9007199254740992", "-9007199254740992", "0x20000000000000", "0o400000000000000000"],
        "0x" + "f" * 5000,
    ],
)
def test_a_number_that_json_cannot_keep_is_refused(text: str) -> None:
    """Infinity, NaN and whole numbers beyond 2^53 - 1 are refused with their place."""
    error = refused(f"a:\n  - b: {text}")
    assert error.error_code == "JSON_NUMBER"
    assert error.path == "/a/0/b"
    assert (error.details["line"], error.details["column"]) == (2, 8)
    assert value_of(f"'{text}'") == text


@given(value=JSON_VALUES, indent=st.sampled_from([None, 2]))
@example(value={"\U0001f600": ["\U0001f600", "\\ud83d", "/", "\x00\x7f\x85\u2028"]}, indent=None)
@settings(max_examples=200, deadline=None)
def test_json_is_yaml(value: Any, indent: int | None) -> None:
    """What JSON writes, escaped to ASCII, is read as YAML as it is read as JSON."""
    text = json.dumps(value, indent=indent)
    assert same(value_of(text), loads(text))


@given(value=JSON_VALUES)
@settings(max_examples=100, deadline=None)
def test_raw_json_is_yaml_or_refused(value: Any) -> None:
    """Not escaped, it is read alike, or refused for a character that YAML does not let stand."""
    text = json.dumps(value, ensure_ascii=False)
    if any(character in text for character in NOT_AS_IT_IS):
        assert refused(text).error_code in {"YAML_SYNTAX", "YAML_UNSUPPORTED"}
    else:
        assert same(value_of(text), loads(text))


@pytest.mark.parametrize("character", NOT_AS_IT_IS)
def test_a_character_that_has_to_be_escaped(character: str) -> None:
    """Each is refused where it stands, and read where it is escaped."""
    error = refused(f'a:\n  "x{character} y"')
    assert (error.details["line"], error.details["column"]) == (2, 5)
    assert f"U+{ord(character):04X}" in error.message
    assert value_of(f'"x\\u{ord(character):04x} y"') == f"x{character} y"


@pytest.mark.parametrize(
    "text", ['{"a":\t1}', '{\n\t"a": 1}', '{"a"\n: 1}', json.dumps({"k" * 1025: 1})]
)
def test_the_json_that_is_not_read_as_yaml(text: str) -> None:
    """What the scanner does not know is refused, never read differently."""
    assert loads(text)
    assert refused(text).error_code == "YAML_SYNTAX"


@given(value=JSON_VALUES, style=st.sampled_from(["'", '"']), flow=st.booleans(), raw=st.booleans())
@settings(max_examples=200, deadline=None)
def test_what_yaml_writes_is_read(value: Any, style: str, flow: bool, raw: bool) -> None:
    """A dump with quotes, in blocks or in flow, comes back as the same JSON would."""
    raw = raw and style == '"'  # in single quotes it would not escape U+0085
    text = yaml.safe_dump(
        value, default_style=style, default_flow_style=flow, allow_unicode=raw, sort_keys=False
    )
    assert same(value_of(text), loads(json.dumps(value)))


def test_people_write_blocks() -> None:
    """Blocks, folds, comments, document marks and line ends of every system are understood."""
    text = """\
%YAML 1.2
--- # A comment.
text: |
  one
   two

fold: >-
  one
  two
plain: one
  two  # not this
list:
- {a: [1, 2,], b}
- 'it''s'
...
"""
    expected = {
        "text": "one\n two\n",
        "fold": "one two",
        "plain": "one two",
        "list": [{"a": [1, 2], "b": None}, "it's"],
    }
    assert value_of(text) == value_of(text.replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!!str 1", "1"),
        ("!!str", ""),
        ("!!int '1'", 1),
        ("!!int 0x1F", 31),
        ("!!float 1", 1),
        ("!!float 1.0", 1),
        ("!!float 0o17", 15),
        ('!!float "1.5"', 1.5),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!map {a: !!seq [1]}", {"a": [1]}),
        ("!<tag:yaml.org,2002:str> 1", "1"),
        ("{!!str 1: a}", {"1": "a"}),
    ],
)
def test_the_tags_of_the_core_schema_are_known(text: str, expected: Any) -> None:
    """A core tag says what a scalar is, in quotes or not."""
    assert same(value_of(text), expected)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("!!binary aGk=", 1),
        ("!!timestamp 2026-11-22", 1),
        ("!!set {a}", 1),
        ("!!omap [a: 1]", 1),
        ("!!python/object/apply:os.getcwd []", 1),
        ("!local a", 1),
        ("! a", 1),
        ("!<tag:example.org,2026:a> a", 1),
        ("!!int a", 1),
        ("!!int 1.5", 1),
        ("!!int 1.0", 1),
        ("!!bool 1", 1),
        ("!!null 0", 1),
        ("!!str [a]", 1),
        ("!!map [a]", 1),
        ("[!!seq {a: 1}]", 2),
        ("!!seq a", 1),
        ("{!x a: b}", 2),
    ],
)
def test_another_tag_is_refused(text: str, column: int) -> None:
    """Tags of other schemas, and those that do not fit, make nothing of what they stand before."""
    error = refused(text)
    assert error.error_code == "YAML_UNSUPPORTED"
    assert error.details == {"line": 1, "column": column}


@pytest.mark.parametrize(
    ("text", "column"),
    [
        *[("1: a", 1), ("~: a", 1), ("{true: a}", 2), ("? ", 2), ("1.5: a", 1), (".inf: a", 1)],
        *[("? [a]\n: b", 3), ("{a: b}: c", 1), ("- &x a\n- *x : b", 3), ("{{a: b}: c}", 2)],
    ],
)
def test_a_name_has_to_be_text(text: str, column: int) -> None:
    """A key that is no text, or that stands for one, is refused by a message that says so."""
    error = refused(text)
    assert error.error_code == "YAML_UNSUPPORTED"
    assert "keys have to be text" in error.message
    assert error.details["column"] == column


@pytest.mark.parametrize(
    ("text", "path", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3", "/a", 3, 1),
        ("a: 1\n'a': 3", "/a", 2, 1),
        ("- b: {c: 1, d: {c: 1},\n   c: 2}", "/0/b/c", 2, 4),
        ('"\\x41": 1\nA: 2', "/A", 2, 1),
        ("on: 1\non: 2", "/on", 2, 1),
        ("<<: {}\n<<: {}", "/<<", 2, 1),
    ],
)
def test_a_name_occurs_once(text: str, path: str, line: int, column: int) -> None:
    """A duplicate key is refused at the second of the two, however the two are written."""
    error = refused(text)
    assert error.error_code == "JSON_DUPLICATE_KEY"
    assert error.path == path
    assert (error.details["line"], error.details["column"]) == (line, column)


def test_a_merge_key_is_a_name() -> None:
    """YAML 1.2 knows no merging."""
    assert value_of("a: &a {b: 1}\nc: {<<: *a, d: 2}") == {
        "a": {"b": 1},
        "c": {"<<": {"b": 1}, "d": 2},
    }


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", 1, 1, "no document"),
        ("# only this\n", 1, 1, "no document"),
        ("a: b: c", 1, 5, "mapping values are not allowed here"),
        ("a:\n\tb: c", 2, 1, "'\\t'"),
        ("a:\tb", 1, 3, "'\\t'"),
        ("a: [1, 2", 1, 9, "the end"),
        ("a: 'open\n", 2, 1, "quoted scalar"),
        ("a: 1\n b: 2", 2, 3, "mapping values"),
        ("- a\nb: c", 2, 1, "block"),
        ('"\\q"', 1, 3, "escape"),
        ('"\\UFFFFFFFF"', 1, 4, "too large"),
        ("%YAML 1." + "9" * 5000 + "\n--- a", 1, 9, "too large"),
        ("%YAML 2.0\n--- a", 1, 1, "incompatible"),
        ("*a", 1, 1, "no anchor"),
        ("a: @b", 1, 4, "'@'"),
        ("a: b\r\nc: d: e", 2, 5, "mapping values"),
        ("a: b\rc: \x00", 2, 4, "U+0000"),
        ("äöü: \x07", 1, 6, "U+0007"),
    ],
)
def test_a_fault_of_syntax_has_its_place(text: str, line: int, column: int, says: str) -> None:
    """Malformed text is refused with line and column, counted from one."""
    error = refused(text)
    assert error.error_code == "YAML_SYNTAX"
    assert error.details == {"line": line, "column": column}
    assert says in error.message
    assert f"(line {line}, column {column})" in error.message
    assert ("blanks" in str(error.remedy)) == ("'\\t'" in says)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a\n---\nb", 2, 1, "second document"),
        ("--- a\n--- b", 2, 1, "second document"),
        ("--- a\n...\n---\n...", 3, 1, "second document"),
        ("%YAML 1.1\n--- on", 1, 1, "directive"),
        ("%TAG ! tag:yaml.org,2002:\n--- !str a", 1, 1, "directive"),
        ("- &a [1, [*a]]", 1, 11, "stands inside"),
        ("&a {b: *a}", 1, 8, "stands inside"),
    ],
)
def test_what_json_does_not_have_is_refused(text: str, line: int, column: int, says: str) -> None:
    """Several documents, directives that change the reading, and recursion are refused."""
    error = refused(text)
    assert error.error_code == "YAML_UNSUPPORTED"
    assert error.details == {"line": line, "column": column}
    assert says in error.message


def test_half_a_pair_is_refused() -> None:
    """A surrogate pair is one character; half of one is none."""
    assert value_of('"\\ud83d\\ude00"') == "\U0001f600"
    for text in ('"\\ud83d"', '"\\ude00\\ud83d"', '{"\\ud83d": 1}', '"\\ud83dx\\ude00"', "\ud83d"):
        assert refused(text).error_code == "JSON_TEXT"


def test_an_alias_is_written_out() -> None:
    """What an alias stands for is a copy; a name that is given again means the later."""
    text = "a: &x {b: [1]}\nc: *x\nd: [*x, &x 2, *x]\ne: &x [&x 3]\nf: *x\n&k g: *k"
    read = value_of(text)
    assert read == {
        "a": {"b": [1]},
        "c": {"b": [1]},
        "d": [{"b": [1]}, 2, 2],
        "e": [3],
        "f": 3,
        "g": "g",
    }
    read["a"]["b"].append(2)
    assert read["c"] == {"b": [1]}


def test_the_places_of_an_alias() -> None:
    """An alias stands where it is written, its parts where the anchor's parts are."""
    _, places = load_yaml("a: &x\n  b: [1]\nc:\n  - *x\n")
    found = {where: places.find(where) for where in ("/c/0", "/c/0/b", "/c/0/b/0")}
    spots = {where: place and (place.line, place.column) for where, place in found.items()}
    assert spots == {"/c/0": (4, 5), "/c/0/b": (2, 3), "/c/0/b/0": (2, 7)}


def laughs(levels: int, *, each: int) -> str:
    lines = [f"a{level}: &a{level} [{f'*a{level - 1}, ' * each}]" for level in range(1, levels)]
    return "\n".join([f"a0: &a0 [{'x, ' * each}]", *lines])


def chain(length: int) -> str:
    links = [f"- &a{number} [*a{number - 1}]" for number in range(1, length)]
    return "\n".join(["- &a0 []", *links])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * MEGABYTE, "JSON_DEPTH"),
        ("{a: " * (MEGABYTE // 4), "JSON_DEPTH"),
        ("{" * MEGABYTE, "YAML_UNSUPPORTED"),
        ("[?" * (MEGABYTE // 2), "YAML_UNSUPPORTED"),
        ("- " * (MEGABYTE // 2), "JSON_DEPTH"),
        ("? " * (MEGABYTE // 2), "YAML_UNSUPPORTED"),
        ("- ? " * (MEGABYTE // 4), "YAML_UNSUPPORTED"),
        ("\n".join(" " * depth + "a:" for depth in range(1000)), "JSON_DEPTH"),
        ("&a " * (MEGABYTE // 3), "YAML_SYNTAX"),
        ("!" * MEGABYTE, "YAML_UNSUPPORTED"),
        ("*" * MEGABYTE, "YAML_SYNTAX"),
        (":" * MEGABYTE, "YAML_SYNTAX"),
        ("#" * MEGABYTE, "YAML_SYNTAX"),
        ("%A\n" * (MEGABYTE // 10), "YAML_SYNTAX"),
        ('"' + "x" * MEGABYTE, "YAML_SYNTAX"),
        ("|\n" + " x\n" * (MEGABYTE // 3) + "y", "YAML_SYNTAX"),
        ("1" * MEGABYTE, "JSON_NUMBER"),
        ("0x" + "1" * MEGABYTE, "JSON_NUMBER"),
        (laughs(10, each=10), "SIZE_LIMIT"),
        (laughs(40, each=2), "SIZE_LIMIT"),
        (f"a: &a {'x' * 1000}\nb: [{'*a, ' * (MAX_CHARACTERS // 1000)}]", "SIZE_LIMIT"),
        ("[" + "x," * MAX_NODES + "]", "SIZE_LIMIT"),
        (chain(101), "JSON_DEPTH"),
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_is_refused_in_time(text: str, code: str) -> None:
    """What would exhaust stack, memory or time is refused; nothing but an InputError is raised."""
    began = time.monotonic()
    assert refused(text).error_code == code
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100 + "]" * 100,
        chain(99),
        "\n".join(" " * depth + "- a:" for depth in range(0, 100, 2)),
        "0" * MEGABYTE,
        "0" * MEGABYTE + "x",
        "1." + "1" * MEGABYTE,
        "a: b\n" + "  c\n" * (MEGABYTE // 10),
        "'" + "''" * (MEGABYTE // 2) + "'",
        laughs(5, each=10),
    ],
    ids=lambda text: text[:12],
)
def test_much_is_read(text: str) -> None:
    """What is large and within the bounds is read, into something that JSON can write."""
    assert json.dumps(value_of(text))


WORDS = st.sampled_from(
    [
        *"-?:,[]{}#&*!|>'\"%@`=~<. \n\t\r01aex_+/\\",
        *["- ", ": ", "? ", "&a ", "*a", "\n  ", "---\n", "...\n", "%YAML 1.2\n", "!!str ", "<<: "],
        *["\\u", "\\x4", "\ufeff", "é", "\U0001f600", "\x85"],
    ]
)


def lines_of(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


@given(text=st.lists(WORDS, max_size=40).map("".join) | st.text(CHARACTERS, max_size=30))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is sent gives JSON, or an InputError with a place in the text."""
    try:
        value = value_of(text)
    except InputError as error:
        place = error.details
    else:
        assert same(loads(json.dumps(value)), value)
        return
    line: int = place["line"]
    assert 1 <= place["column"] <= len(lines_of(text)[line - 1]) + 1


@given(data=st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Bytes that are not YAML in UTF-8 are an InputError, nothing else."""
    with suppress(InputError):
        assert json.dumps(value_of(data))

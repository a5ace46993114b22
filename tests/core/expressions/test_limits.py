"""Every limit of an evaluation, and that the engine works on after each."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.expressions import limits
from alga_workflows_core.expressions.engine import (
    ExpressionError,
    ExpressionTimeout,
    Sources,
    check_syntax,
    evaluate,
    evaluate_condition,
)

SOURCES = Sources(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), random=lambda: 0.5)

# Each level holds the one below twice: 2^17 texts from a hundred characters.
DOUBLED = "($f := function($s, $n) { $n = 0 ? $s : $f({'a': $s, 'b': $s}, $n - 1) }; $f('x', 17))"

ENDLESS = "($f := function() { $f() }; $f())"


def error_of(text: str, context: dict[str, Any] | None = None) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, context or {}, SOURCES)
    assert evaluate("1 + 1", {}, SOURCES) == 2
    return caught.value


@pytest.mark.parametrize("text", [ENDLESS, f"$map([1..9], function($x) {{ {ENDLESS} }})"])
def test_an_endless_expression_is_stopped(text: str) -> None:
    """The time limit holds, in functions handed to functions too, and has a class of its own."""
    begun = time.perf_counter()
    error = error_of(text)
    assert type(error) is ExpressionTimeout
    assert error.error_code == "EXPRESSION_TIMEOUT"
    assert time.perf_counter() - begun < 1.9


def test_an_endless_condition_is_stopped() -> None:
    """Conditions have the same time limit."""
    with pytest.raises(ExpressionTimeout):
        evaluate_condition(ENDLESS, {}, SOURCES)


def test_an_expression_cannot_pretend_that_time_ran_out() -> None:
    """Only the limit itself makes the error that nothing may catch."""
    error = error_of('$error("D1012: Evaluation timeout after 500 milliseconds")')
    assert type(error) is ExpressionError
    assert error.error_code == "EXPRESSION_FAILED"
    assert error.engine_code == "D3137"


@pytest.mark.parametrize(
    ("text", "engine_code"),
    [
        ("($f := function() { 1 + $f() }; $f())", "D1011"),
        ("$count([1..9999999])", "D2015"),
        ("[1..99999999]", "D2014"),
        ("$map([1..20001], function($x) { $x })", "D2015"),
        ("(" * 4000 + "1" + ")" * 4000, "U1002"),
        ("1" + "+1" * 3000, "U1002"),
        ("$not(" * 900 + "1" + ")" * 900, "U1002"),
        ("$pad('x', -2e9)", None),
        ("$map(['x'], $pad(?, 2e9))", None),
        ("$formatInteger(1e18, 'I')", None),
        ("$formatInteger(-1e18, 'i;o')", None),
    ],
)
def test_a_limit_of_size_or_depth_holds(text: str, engine_code: str | None) -> None:
    """Deep recursion, long sequences, deep text and grown text are refused at once."""
    error = error_of(text)
    if error.error_code == "EXPRESSION_LIMIT":
        assert error.engine_code == engine_code
    else:
        pytest.fail(f"{error.error_code}: {error}")


def test_recursion_has_room() -> None:
    """A recursive function of 180 levels, or an endless number in tail position, is fine."""
    text = "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(180))"
    assert evaluate(text, {}, SOURCES) == 180
    text = "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $a + 1) }; $f(5000, 0))"
    assert evaluate(text, {}, SOURCES) == 5000


def test_a_long_expression_is_refused_before_it_is_read() -> None:
    """The limit of the text's length holds for syntax checks too."""
    fits = "1" + " " * (limits.MAX_EXPRESSION_LENGTH - 1)
    assert check_syntax(fits) is None
    error = check_syntax("(" + fits)
    assert error is not None
    assert error.error_code == "EXPRESSION_LIMIT"


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("depth", [101, 5_000, 50_000])
def test_a_deep_result_is_refused(depth: int) -> None:
    """A result is at most 100 deep; deeper values are no crash, and can still be read."""
    context = {"payload": nested(depth), "n": 7}
    assert error_of("payload", context).error_code == "EXPRESSION_LIMIT"
    assert evaluate("n", context, SOURCES) == 7
    assert evaluate("payload", {"payload": nested(100)}, SOURCES) == nested(100)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("x", {"x": "a" * 2**20}),
        ("x", {"x": "é" * 2**19}),
        ("$", {"x" * 2**20: 1}),
        ("x & x", {"x": "a" * 600_000}),
        ("[x, x]", {"x": ["a" * 60_000] * 9}),
        ("x", {"x": [0] * 200_000}),
        ("x", {"x": [{"a": None}] * 200_000}),
        (DOUBLED, {}),
    ],
)
def test_a_large_result_is_refused(text: str, context: dict[str, Any]) -> None:
    """A result is at most about a mebibyte, also one that repeats a part of the context."""
    assert error_of(text, context).error_code == "EXPRESSION_LIMIT"


TAIL = "($f := function($n) {{ $n = 0 ? 0 : $f($n - 1) }}; $f({}))"
DEEP = "($f := function($n) {{ $n = 0 ? 0 : 1 + $f($n - 1) }}; $f({}))"

# For each limit: expressions below and at it, and the next one past it, over what context.
BORDERS: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "TIMEOUT_MS": ([TAIL.format(1), TAIL.format(2_000)], TAIL.format(10**9), {}),
    "MAX_EXPRESSION_LENGTH": (["1", "1" + " " * 9_999], "1" + " " * 10_000, {}),
    "MAX_STACK_DEPTH": ([DEEP.format(1), DEEP.format(180)], DEEP.format(400), {}),
    "MAX_SEQUENCE_LENGTH": (
        ["$count([1..19999])", "$count([1..20000])"],
        "$count([1..20001])",
        {},
    ),
    "MAX_COMPARED_PAIRWISE": (
        ["$count($distinct([1..500]))", "$count($distinct([1..501]))"],
        "$distinct(x)",
        {"x": list(range(20_001))},
    ),
    "MAX_JOINED_UNSEEN": (
        [
            "$length($join($map([1..10], function($i) { x })))",
            "$length($join($map([1..9], function($i) { x })))",
        ],
        "$length($join($map([1..11], function($i) { x })))",
        {"x": "a" * 1_000_000},
    ),
    "MAX_GROWN_TEXT": (
        ["$length($replace(x, 'a', y))", "$length($replace(x, 'a', y & 'b'))"],
        "$length($replace(x, 'a', y & 'bb'))",
        {"x": "a" * 10_000, "y": "b" * 999},
    ),
    "MAX_RESULT_BYTES": (
        ["x", "x & 'a'"],
        "x & 'aa'",
        {"x": "a" * (2**20 - 4)},
    ),
    "MAX_RESULT_DEPTH": (["x.a", "x"], "[x]", {"x": nested(100)}),
    "MAX_SAFE_INTEGER": (["x - 1", "x", "-x"], "x + 1", {"x": 2**53 - 1}),
    "MAX_PAD_WIDTH": (["$pad('x', 9999)", "$pad('x', -10000)"], "$pad('x', 10001)", {}),
    "MAX_ROMAN_NUMBER": (
        ["$formatInteger(999999, 'I')", "$formatInteger(1000000, 'i')"],
        "$formatInteger(1000001, 'I')",
        {},
    ),
}


@pytest.mark.parametrize("name", BORDERS)
def test_a_limit_is_where_it_is_said_to_be(name: str) -> None:
    """Below a limit and at it there is a value; past it an error, each time the same one."""
    inside, outside, context = BORDERS[name]
    for text in inside:
        assert evaluate(text, context, SOURCES) is not None
    code = {"TIMEOUT_MS": "EXPRESSION_TIMEOUT", "MAX_SAFE_INTEGER": "EXPRESSION_RESULT"}
    for _ in range(2):
        assert error_of(outside, context).error_code == code.get(name, "EXPRESSION_LIMIT")


def test_every_limit_has_a_border() -> None:
    """A new limit needs a row above; how many texts a thread keeps is told in test_speed."""
    every = {name for name in vars(limits) if name.isupper()}
    assert every == BORDERS.keys() | {"MAX_COMPILED_PER_THREAD"}


def test_the_depth_of_recursion_is_the_same_each_time() -> None:
    """The last depth that is allowed does not depend on what ran before, or in which thread."""

    def deepest() -> int:
        for depth in range(150, 400):
            try:
                evaluate(DEEP.format(depth), {}, SOURCES)
            except ExpressionError:
                return depth - 1
        return 400

    with ThreadPoolExecutor(1) as pool:
        assert deepest() == pool.submit(deepest).result() == deepest() < 400


def test_a_large_context_costs_nothing_that_is_not_read() -> None:
    """A context of many megabytes may be read from; only results are counted."""
    context = {"x": ["a" * 1000] * 10_000, "y": 1}
    assert evaluate("y", context, SOURCES) == 1
    assert evaluate("$count(x)", context, SOURCES) == 10_000
    assert evaluate("x", {"x": "a" * (2**20 - 3)}, SOURCES) == "a" * (2**20 - 3)


PANICS = [
    "$fromMillis(x, '[Y,1000000000]')",
    "$fromMillis(x, '[Y,100000-100000]')",
    "$parseInteger($string(x), '\u0661\u0662')",
    "$parseInteger($string(x) & 'I', '\u0660\u0661')",
    "$parseInteger($string(x) & '\U0001d7d8', '[Y,2]a;o')",
    "$toMillis($string(x), '[Y\u0660\u0660\u0660\u0661]')",
]


@pytest.mark.parametrize("text", PANICS)
def test_a_panic_of_the_engine_is_an_error(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A panic ends that evaluation only, and the same text can be evaluated again."""
    for _ in range(2):
        error = error_of(text, {"x": 1234567})
        assert error.error_code == "EXPRESSION_FAILED"
        assert "gave up" in error.message
    assert "panicked" in capfd.readouterr().err
    begun_again = f"$exists(gone) ? {text} : 1"
    assert evaluate(begun_again, {"x": 1}, SOURCES) == 1


PICTURES = [
    "#,##0.00",
    "0e0",
    "00.0e00",
    "#e#",
    "#0;(#0)",
    "I",
    "i",
    "A",
    "w",
    "Ww;o",
    "#,##0;c",
    "\u0661\u0662",
    "\U0001d7d8",
    "😀",
    "[Y]",
    "[Y0001]-[M01]-[D01]",
    "[H01]:[m01]",
    "[MNn]",
    "[F0]",
    "[W]",
    "[Y,2]",
    "[Y,*-3]",
    "[f,50]",
    "[Z0101t]",
    "[Y\u0660\u0660\u0660\u0661]",
    "[D😀]",
    "[M\U0001d7d8\U0001d7d9]",
    "[[",
    "[",
    "[dwo]",
    "[YI]",
    "%%",
]
NUMBERS = [0, -1, 1.5, 1e300, -1e300, 1e18, 2**31, 36, 253402300800000, -62135596800001, 1e-320]


@given(
    name=st.sampled_from(["formatNumber", "formatInteger", "fromMillis", "formatBase", "pad"]),
    number=st.sampled_from(NUMBERS) | st.floats(allow_nan=True, allow_infinity=True),
    picture=st.sampled_from(PICTURES) | st.text(max_size=8),
)
@settings(max_examples=300, deadline=2_000)
def test_any_number_in_any_picture_is_a_value_or_an_expression_error(
    name: str, number: float, picture: str
) -> None:
    """Odd digits, odd widths, NaN and Infinity neither hang nor end the process."""
    outcome(f"${name}(n, p)", {"n": number, "p": picture})


@given(
    name=st.sampled_from(["parseInteger", "toMillis", "number", "fromMillis"]),
    text=st.sampled_from(["1234567", "MCMXC", "one", "ß", "2018", "\U0001d7d8", "é"])
    | st.text(max_size=8),
    picture=st.sampled_from(PICTURES) | st.text(max_size=8),
)
@settings(max_examples=300, deadline=2_000)
def test_any_text_read_by_any_picture_is_a_value_or_an_expression_error(
    name: str, text: str, picture: str
) -> None:
    """What a picture cannot read, or the engine trips over, is an error with a code."""
    outcome(f"${name}(t, p)", {"t": text, "p": picture})


def outcome(text: str, context: dict[str, Any]) -> ExpressionError | None:
    """The error of `text`, if it has one; it has a code and can be shown."""
    try:
        evaluate(text, context, SOURCES)
    except ExpressionError as error:
        found = error
    else:
        return None
    assert found.error_code in CODES
    assert str(found).encode()
    return found


CODES = {
    "EXPRESSION_SYNTAX",
    "EXPRESSION_TYPE",
    "EXPRESSION_UNKNOWN_FUNCTION",
    "EXPRESSION_LIMIT",
    "EXPRESSION_RESULT",
    "EXPRESSION_FAILED",
}

ALPHABET = "ab$.[](){}\"'`:=<>,;?|~^*/\\%&@#!+- 012\n\t\ud83dé😀"


@given(text=st.text(alphabet=ALPHABET, max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_value_or_an_expression_error(text: str) -> None:
    """No text makes anything but a value or an error with a code, checked or evaluated."""
    refused = check_syntax(text)
    error = outcome(text, {"a": {"b": [1, "x"]}})
    assert refused is None or error is not None


PARTS = ["a", "$$", "[1..3]", "'x'", "-1", "null", "$now()", "$random", "/a/", "function($v){$v}"]
NAMES = ["pad", "len", "toMillis", "toString", "shuffle", "coalesce", "formatInteger", "eval"]


@given(
    name=st.sampled_from(NAMES),
    arguments=st.lists(st.sampled_from(PARTS), max_size=4),
)
@settings(max_examples=300, deadline=None)
def test_any_call_of_our_functions_is_a_value_or_an_expression_error(
    name: str, arguments: list[str]
) -> None:
    """Whatever arguments our functions are given, they answer or refuse with a code."""
    outcome(f"${name}({', '.join(arguments)})", {"a": {"b": 1}})

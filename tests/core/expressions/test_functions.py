"""The functions that expressions have instead of, or besides, the engine's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.expressions.engine import (
    ExpressionError,
    Sources,
    check_syntax,
    evaluate,
)

NOON = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
NOON_MS = 1772368215123


def seeded(seed: int) -> Random:
    """A source of chance that can be repeated."""
    return Random(seed)  # noqa: S311 - repeatable is the point


def run(text: str, context: dict[str, Any] | None = None, *, now: datetime = NOON) -> Any:
    return evaluate(text, context or {}, Sources(now=lambda: now, random=seeded(1).random))


def milliseconds(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> int:
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp()) * 1000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$now()", "2026-03-01T12:30:15.123Z"),
        ("$nowIso()", "2026-03-01T12:30:15.123Z"),
        ("$millis()", NOON_MS),
        ("$now('[Y]-[M01]')", "2026-03"),
        ("$now('[H01]:[m01]', '+0200')", "14:30"),
        ("$now(null, '-0100')", "2026-03-01T11:30:15.123-01:00"),
        ("$fromMillis($millis()) = $now()", True),
        ("$toMillis($now()) = $millis()", True),
        ("$now() ~> $toMillis", NOON_MS),
    ],
)
def test_time_is_the_clock_of_the_run(text: str, value: object) -> None:
    """`$now` and its like answer the time of the sources, in UTC, cut to milliseconds."""
    assert run(text) == value


def test_time_stands_still_within_an_evaluation() -> None:
    """The clock is asked once per evaluation, and not at all by one that needs no time."""
    asked: list[datetime] = []

    def now() -> datetime:
        asked.append(NOON + timedelta(seconds=len(asked)))
        return asked[-1]

    moving = Sources(now=now, random=seeded(1).random)
    assert evaluate("1 + 1", {}, moving) == 2
    assert asked == []
    times = evaluate("[$millis(), $millis(), $toMillis($now()), $toMillis($nowIso())]", {}, moving)
    assert times == [NOON_MS] * 4
    assert evaluate("$millis()", {}, moving) == NOON_MS + 1000


def test_a_clock_of_another_zone_is_turned_to_utc() -> None:
    """The zone of the clock's answer does not change the instant."""
    vienna = NOON.astimezone(timezone(timedelta(hours=1)))
    assert run("$now()", now=vienna) == "2026-03-01T12:30:15.123Z"


def test_a_clock_without_zone_is_a_bug_and_says_so() -> None:
    """A naive clock is refused instead of read in the machine's zone."""
    with pytest.raises(ValueError, match="aware"):
        run("$now()", now=NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'12:45', '[H01]:[m01]'", (2026, 3, 1, 12, 45)),
        ("'9:05 PM', '[h]:[m01] [P]'", (2026, 3, 1, 21, 5)),
        ("'45', '[m01]'", (2026, 3, 1, 12, 45)),
        ("'5', '[s]'", (2026, 3, 1, 12, 30, 5)),
        ("'24', '[D]'", (2026, 3, 24)),
        ("'05-24', '[M01]-[D01]'", (2026, 5, 24)),
        ("'May', '[MNn]'", (2026, 5, 1)),
        ("'60', '[d]'", (2026, 3, 1)),
        ("'[24', '[[[ D1 ]'", (2026, 3, 24)),
        ("'12:45+02:00', '[H01]:[m01][Z]'", (2026, 3, 1, 10, 45)),
        ("'2018', '[Y]'", (2018, 1, 1)),
        ("'2018-02-03 04', '[Y]-[M]-[D] [H]'", (2018, 2, 3, 4)),
        ("'2018-02-03'", (2018, 2, 3)),
        ("'2018-02-03T04:05:06Z'", (2018, 2, 3, 4, 5, 6)),
    ],
)
def test_a_picture_without_date_is_completed_by_the_clock_of_the_run(
    arguments: str, expected: tuple[int, ...]
) -> None:
    """What a picture leaves out comes from the run's clock, never from the machine's."""
    assert run(f"$toMillis({arguments})") == milliseconds(*expected)


def test_a_text_that_does_not_fit_its_picture_is_undefined() -> None:
    """As in JSONata, a text that the picture does not match has no time."""
    assert run("$toMillis('noon', '[H01]:[m01]')") is None
    assert run("$toMillis(gone, '[H01]:[m01]')") is None


def test_the_context_is_still_a_default_where_no_clock_is_needed() -> None:
    """`date.$toMillis()` reads its date from the context, as in JSONata."""
    assert run("date.$toMillis()", {"date": "2018"}) == milliseconds(2018, 1, 1)


@pytest.mark.parametrize("picture", ["[F]", "[Z]", "", "noon", "[W] [D]"])
def test_a_picture_that_names_no_time_is_refused(picture: str) -> None:
    """A picture from which only the machine's clock could make a time is an error."""
    with pytest.raises(ExpressionError, match=r"\$toMillis"):
        run(f"$toMillis('3', '{picture}')")


def test_chance_comes_from_the_source_in_order() -> None:
    """Each call draws the next number of the source."""
    drawn = seeded(7)
    expected = [drawn.random() for _ in range(3)]
    sources = Sources(now=lambda: NOON, random=seeded(7).random)
    assert evaluate("[$random(), $random(), $random()]", {}, sources) == expected


def test_a_uuid_is_of_version_four_and_drawn() -> None:
    """`$uuid` answers different well-formed ids, the same ones for the same source."""
    first, second = run("[$uuid(), $uuid()]")
    assert UUID(first).version == 4
    assert first != second
    assert run("[$uuid(), $uuid()]") == [first, second]


@given(items=st.lists(st.integers(-5, 5), min_size=2, max_size=20), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_a_shuffle_keeps_the_items_and_depends_on_the_source(items: list[int], seed: int) -> None:
    """A shuffled list holds the same items; the same seed gives the same order."""
    orders = [
        evaluate("$shuffle(x)", {"x": items}, Sources(now=lambda: NOON, random=seeded(seed).random))
        for _ in range(2)
    ]
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == sorted(items)


def test_a_shuffle_reaches_every_order() -> None:
    """Over many seeds each order of three items occurs."""
    orders = {
        tuple(evaluate("$shuffle([1,2,3])", {}, Sources(now=lambda: NOON, random=r.random)))
        for r in map(seeded, range(100))
    }
    assert len(orders) == 6


def test_a_shuffle_of_one_thing_is_a_list() -> None:
    """As in JSONata, what is not a list counts as a list of one; nothing stays nothing."""
    assert run("$shuffle(1)") == [1]
    assert run("$shuffle(gone)") is None


@given(
    seed=st.integers(0, 2**32),
    text=st.sampled_from(
        [
            "$random()",
            "$uuid()",
            "$shuffle([1..9])",
            "[$now(), $millis(), $random(), $uuid()]",
            "$map([1..5], $random)",
            "$toMillis('12:00', '[H]:[m]') + $random()",
        ]
    ),
    offset=st.integers(0, 10**9),
)
@settings(max_examples=60, deadline=None)
def test_the_same_sources_give_the_same_result(seed: int, text: str, offset: int) -> None:
    """Nothing but the sources decides time and chance, so a replay repeats them."""
    now = NOON + timedelta(seconds=offset)
    results = [
        evaluate(text, {}, Sources(now=lambda: now, random=seeded(seed).random)) for _ in range(2)
    ]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$pad('x', 5)", "x    "),
        ("$pad('x', -5, 'ab')", "ababx"),
        ("$pad('x', 5, 'ab')", "xabab"),
        ("$pad('x', 5.7)", "x    "),
        ("$pad('x', 4, '')", "x   "),
        ("$pad('abc', 2)", "abc"),
        ("$pad('é😀', 4, '😀')", "é😀😀😀"),
        ("$pad(gone, 4)", None),
        ("'x' ~> $pad(3)", "x  "),
        ("$map(['a', 'b'], $pad(?, 3, '-'))", ["a--", "b--"]),
        ("$formatInteger(1999, 'I')", "MCMXCIX"),
        ("$formatInteger(12, 'w;o')", "twelfth"),
        ("$formatInteger(1234567, '#,##0')", "1,234,567"),
        ("$formatInteger(gone, 'I')", None),
        ("$encodeUrlComponent('a-b.c_d~!*()')", "a-b.c_d~!*()"),
        ("$encodeUrlComponent('?x=é y/z')", "%3Fx%3D%C3%A9%20y%2Fz"),
        ('$encodeUrlComponent("it\'s")', "it's"),
        ("$encodeUrlComponent(gone)", None),
        ("$decodeUrlComponent($encodeUrlComponent('a&b=ç'))", "a&b=ç"),
        ("$coalesce(gone, null, 'x', 'y')", "x"),
        ("$coalesce(false, true)", False),
        ("$coalesce(0, 1)", 0),
        ("$coalesce()", None),
        ("$len('é😀')", 2),
        ("$len([1, 2, 3])", 3),
        ("$len({'a': 1})", 1),
        ("$len(gone)", 0),
        ("$map(['a', 'bb'], $len)", [1, 2]),
        ("$toString('x')", "x"),
        ("$toString(1.50)", "1.5"),
        ("$toString(true)", "true"),
        ("$toString({'a': [1, null]})", '{"a":[1,null]}'),
        ("$toString(gone)", ""),
        ("$append([1], 2)", [1, 2]),
        ("$append([1], [2, 3])", [1, 2, 3]),
    ],
)
def test_a_function_answers(text: str, value: object) -> None:
    """Each function, in calls, in chains, applied in part and handed to `$map`."""
    assert run(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "$pad(1, 2)",
        "$pad('x', 'y')",
        "$pad('x', true)",
        "$pad('x', 3, 4)",
        "name.$pad(9)",
        "$len(1)",
        "$len(true)",
        "$pad('x', 0/0)",
        "$encodeUrlComponent(1)",
        "$formatInteger('x', 'I')",
        "$formatInteger(1/0, 'w')",
        "$formatInteger(-1/0, '0')",
        "$formatInteger(0/0, 'w')",
        "$toMillis(5, '[Y]')",
        "$now(5)",
    ],
)
def test_a_wrong_argument_is_an_error_of_type(text: str) -> None:
    """Functions say which arguments they take; the error names the author's expression."""
    with pytest.raises(ExpressionError) as caught:
        run(text, {"name": "Ada"})
    assert caught.value.error_code == "EXPRESSION_TYPE"
    assert caught.value.expression == text


@pytest.mark.parametrize(
    "text", ["$eval('1')", "'1' ~> $eval", "($f := $eval; $f('1'))", "$map(['1'], $eval)"]
)
def test_text_is_never_run(text: str) -> None:
    """`$eval` is refused however it is reached; the text is not evaluated."""
    assert check_syntax(text) is None
    with pytest.raises(ExpressionError, match=r"no \$eval") as caught:
        run(text)
    assert caught.value.error_code == "EXPRESSION_UNKNOWN_FUNCTION"


@pytest.mark.parametrize(
    ("text", "fails"),
    [("$random()", "random"), ("$exists($uuid())", "random"), ("$nowIso() ?: 1", "now")],
)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, LookupError])
def test_what_a_source_raises_passes_through(
    text: str, fails: str, kind: type[BaseException]
) -> None:
    """An interrupt or a bug inside a source is not taken for an error of the expression."""

    def broken() -> Any:
        raise kind("from the source")

    working: dict[str, Callable[[], Any]] = {"now": lambda: NOON, "random": lambda: 0.5}
    with pytest.raises(kind, match="from the source"):
        evaluate(text, {}, Sources(**(working | {fails: broken})))
    assert run("$random() < 1") is True


def test_a_source_may_itself_evaluate() -> None:
    """An evaluation inside an evaluation has its own sources and gives the outer ones back."""
    inner = Sources(now=lambda: NOON, random=lambda: 0.25)

    def random() -> float:
        return evaluate("$random() * 2", {}, inner)

    outer = Sources(now=lambda: NOON, random=random)
    assert evaluate("[$random(), $random()]", {}, outer) == [0.5, 0.5]


# In each of these, with a name of ours for `f`, it is the function that is named, or an error.
WAYS_TO_NAME = [
    "$f()",
    "$f ()",
    "$f\n\t(/* none */)",
    "$/* */f()",
    "$ f()",
    "$`f`()",
    "`$f`()",
    "($g := $f; $g())",
    "($g := function($h) { $h() }; $g($f))",
    "{'k': $f}.k()",
    "[$f][0]()",
    "(true ? $f : 0)()",
    "$map([1], function() { $f() })",
    "$.$f()",
    "$$.$f()",
    "($ ~> $f)",
    "$f(?)(1)",
    "$lookup({'k': $f}, 'k')()",
    "$eval('$f()')",
    "($g := '$f()'; $eval($g))",
    "f()",
    "$F()",
    "$\\u0066()",
]


@pytest.mark.parametrize("name", ["now", "millis", "random"])
@pytest.mark.parametrize("way", WAYS_TO_NAME)
def test_no_way_of_naming_a_function_reaches_the_machines_time_or_chance(
    name: str, way: str
) -> None:
    """However a function is named, it is ours, or the expression fails; never the engine's own."""
    text = way.replace("f", name) if "function" not in way else way.replace("$f", f"${name}")
    results: list[Any] = []
    for _ in range(2):
        try:
            results.append(run(text))
        except ExpressionError as error:
            results.append(error.error_code)
    drawn = seeded(1).random()
    ours = {"now": "2026-03-01T12:30:15.123Z", "millis": NOON_MS, "random": drawn}[name]
    assert results[0] == results[1]
    assert results[0] in (
        ours,
        [ours],
        None,
        "EXPRESSION_SYNTAX",
        "EXPRESSION_TYPE",
        "EXPRESSION_FAILED",
        "EXPRESSION_UNKNOWN_FUNCTION",
    )

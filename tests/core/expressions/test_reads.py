"""What an expression reads and calls, as its text tells: construct by construct."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from alga_workflows_core.expressions.engine import (
    LIBRARY,
    Call,
    ExpressionError,
    Read,
    Reads,
    Sources,
    check_syntax,
    evaluate,
    reads_of,
)
from alga_workflows_core.types.json import Json

SOURCES = Sources(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), random=lambda: 0.5)


def _read(text: str) -> Reads:
    assert check_syntax(text) is None
    found = reads_of(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        # Paths.
        ("payload", "payload"),
        ("payload.client.id", "payload.client.id"),
        (" payload . client /* of */ .\n id ", "payload.client.id"),
        ("`payload`.client", "payload.client"),
        ('payload."client".id', "payload.client.id"),
        ("'payload'.client", "payload.client"),
        ("'payload'", ""),
        ("$.payload.client", "payload.client"),
        ("$$.payload.client", "payload.client"),
        ("payload.$.client", "payload.client"),
        ("payload.$$.vars.x", "payload vars.x"),
        ("(payload).client", "payload.client"),
        ("(payload.client).id", "payload.client.id"),
        ("(vars; payload).client", "vars payload.client"),
        ("(payload;).client", "payload.client"),
        ("payload.(client).id", "payload.client.id"),
        ("prénom.नाम.日本", "prénom.नाम.日本"),
        ("and.or", "and.or"),
        ("and and or", "and or"),
        ("payload.in in in", "payload.in in"),
        ("function.name", "function.name"),
        ("a$b", "a$b"),
        # Indexes and predicates.
        ("payload.items[0].name", "payload.items.name"),
        ("payload.items[-1]", "payload.items"),
        ("payload.items[]", "payload.items"),
        ("payload.items[[0..2]].name", "payload.items.name"),
        ("payload.items[price > 5].name", "payload.items.price payload.items.name"),
        ("payload.items[$.price > 5]", "payload.items.price payload.items"),
        ("payload.items[price > $$.vars.least]", "payload.items.price vars.least payload.items"),
        ("payload.items[$count(lines) = 1]", "payload.items.lines payload.items"),
        ("$[payload.x = 1].vars", "payload.x vars"),
        # Other contexts.
        ("payload.items.(price * quantity)", "payload.items.price payload.items.quantity"),
        ("payload.($x := client; $x.id & name)", "payload.client payload.name"),
        ('payload.items.{"n": name, "r": $$.vars.rate}', "payload.items.name vars.rate"),
        ('payload.items.{"n": 1}', "payload.items"),
        ("payload.items.[name, price]", "payload.items.name payload.items.price"),
        ("payload.items.$sum(lines.price)", "payload.items.lines.price"),
        ("payload.name.$uppercase()", "payload.name"),
        ("payload.(x > 5 ? y : $)", "payload.x payload.y payload"),
        ("payload^(>price, name)[0].id", "payload.price payload.name payload.id"),
        ("payload{name: $sum(price)}", "payload.name payload.price"),
        ("payload{name: $}.x", "payload.name payload"),
        ("-payload.x", "payload.x"),
        ("payload#$i.name", "payload.name"),
        ("payload.items#$i[$i < 3].name", "payload.items.name"),
        # Several.
        ('{"a": payload.x, b: vars.y}', "payload.x b vars.y"),
        ("[payload.x, 1..vars.y]", "payload.x vars.y"),
        ("payload.x ? vars.y : event.z", "payload.x vars.y event.z"),
        ("payload.x ? vars.y", "payload.x vars.y"),
        ("a ? b : c ? d : e", "a b c d e"),
        ("(payload.x ? vars : event).y", "payload.x vars event"),
        ("payload.x ?? vars.y ?: event.z", "payload.x vars.y event.z"),
        ("payload.x + vars.y * 2 & event.z", "payload.x vars.y event.z"),
        ("payload.a/vars.b/2", "payload.a vars.b"),
        ("payload.x % vars.y", "payload.x vars.y"),
        ("payload.x in vars.y and event.z != null or true", "payload.x vars.y event.z"),
        ("payload.code ~> /^a.b/i ~> $exists()", "payload.code"),
        ("payload.x and /'vars/", "payload.x"),
        ("$match(payload.code, /[a-z]\\/vars.x/)", "payload.code"),
        ("vars.x + payload.items^(price)", "vars.x payload.items"),
        # Functions.
        ("$lookup(vars, payload.key)", "vars payload.key"),
        ("$lookup(vars, payload.key).name", "vars payload.key"),
        ("payload ~> $keys()", "payload"),
        ("$map(payload.items, function($v) { $v.price * vars.rate })", "payload.items vars.rate"),
        ("payload.items.$map($, λ($v) { $v.a + b })", "payload.items payload.items.b"),
        ("function($x) { $x.a + payload.b }(vars)", "payload.b vars"),
        ("$f := function($a, $b)<nn:n> { $a + $b + vars.c }", "vars.c"),
        ("($x := payload.client; $x.id)", "payload.client"),
        ("payload ~> | items[x = 1] | {'y': $$.vars.z}, 'w' |", "payload vars.z"),
        ("$sum(?, vars.x)", "vars.x"),
        ("count(payload.items)", "payload.items"),
        ("payload.items.first(x)", "payload.items.x"),
        # Nothing.
        ("1 + 2.5e3", ""),
        ("\"payload.x\" & 'vars\\n'", ""),
        ("$now()", ""),
        ("true", ""),
        ("$x.payload", ""),
        ('{"a": 1}.payload', ""),
        ("[1, 2].(payload)", ""),
        ("()", ""),
    ],
)
def test_reads_are_the_longest_certain_paths_from_the_root(text: str, paths: str) -> None:
    """Every construct reads what JSONata makes it read, and nothing that is not certain."""
    found = _read(text)
    assert sorted(".".join(read.path) for read in found.reads) == sorted(paths.split())
    assert not found.whole_context


@pytest.mark.parametrize(
    "text",
    [
        "$",
        "$$",
        "*",
        "**",
        "*.name",
        "$.*",
        "$$[0]",
        "($)",
        "$keys($)",
        "$keys()",
        "$ ~> $keys",
        "$$.$string()",
        "$lookup(payload.key)",
        "$each(function($v, $k) { $k })",
        "$map([1], function() { $ })",
        "($x := $; $x.payload)",
        "($f := $string; $f())",
        "($f := $lookup(?, 'a'); $f())",
        "(true ? $keys : $string)()",
        "function($x)<x-:x> { $x }()",
        "payload.%",
        "payload.items[%.x = 1]",
        "payload@$p.vars",
        "$ ~> | payload | {'x': 1} |",
    ],
)
def test_a_text_that_may_read_anything_says_so(text: str) -> None:
    """Wildcards, the root as a value and functions that take it as their context are seen."""
    assert _read(text).whole_context


@pytest.mark.parametrize(
    ("text", "calls", "unbound"),
    [
        ("$count(payload.items)", ["$count"], []),
        ("count(payload.items)", ["count"], []),
        ("`count`(payload.items)", ["count"], []),
        ("payload.items.$cuont(x)", ["$cuont"], []),
        ("payload.x ~> $trim ~> $uppercase()", ["$uppercase"], []),
        ("$map(payload.x, $uppercase)", ["$map"], []),
        ("$map(payload.x, $upercase)", ["$map"], ["$upercase"]),
        ("($f := function($x) { $x < 2 ? 1 : $x * $f($x - 1) }; $f(9))", [], []),
        ("($count := function($x) { 1 }; $count(2))", [], []),
        ("($f := 1; f(2))", ["f"], []),
        ("$reduce(payload.x, function($a, $b) { $a + $b })", ["$reduce"], []),
        ("($a := 1; $a + $b)", [], ["$b"]),
        ("payload.items#$i.($i + $j)", [], ["$j"]),
        ("payload@$p.vars@$v.($p.x + $v.x + $w)", [], ["$w"]),
        ("$eval('1')", ["$eval"], []),
        ("$$payload.x", [], ["$$payload"]),
        ("(function($x) { $x })(1)", [], []),
        ("{'a': $now(), 'b': $sum([1, $max([2])])}", ["$now", "$sum", "$max"], []),
    ],
)
def test_calls_by_name_and_unbound_variables_are_found(
    text: str, calls: list[str], unbound: list[str]
) -> None:
    """Functions that are called by name and variables that nothing explains are named."""
    found = _read(text)
    assert [_shown(call) for call in found.calls] == calls
    assert [_shown(call) for call in found.unbound] == unbound


def _shown(call: Call) -> str:
    return f"${call.name}" if call.dollar else call.name


def test_positions_are_offsets_of_characters() -> None:
    """Each read, call and variable says where its first character stands in the text."""
    text = "'😀é' & $count(payload.items[x = $$.vars.y]) & sum($z)"
    found = _read(text)
    assert found.reads == (
        Read(("payload", "items", "x"), text.index("payload")),
        Read(("payload", "items"), text.index("payload")),
        Read(("vars", "y"), text.index("vars")),
    )
    assert found.calls == (
        Call("count", text.index("$count"), dollar=True),
        Call("sum", text.index("sum"), dollar=False),
    )
    assert found.unbound == (Call("z", text.index("$z"), dollar=True),)


@pytest.mark.parametrize(
    "text",
    [
        *["", "a.", "a b", "(a", "a)", "[1,", '"open', "`open", "/open", "/* open", "a ! b"],
        *["'a'[0].b", "'\\u0061'.b", "function($x)<n {1}"],
        *["a" * 10_001, "(" * 200 + "a" + ")" * 200],
    ],
)
def test_a_text_that_cannot_be_followed_has_no_answer(text: str) -> None:
    """No expression, none that is certain, or one that is too long or too deep: None."""
    assert reads_of(text) is None


def test_the_library_is_what_can_be_called() -> None:
    """The engine knows every function of the library, and none of those that are left out."""
    for name in LIBRARY:
        assert _code(f"${name}()") != "EXPRESSION_UNKNOWN_FUNCTION", name
    for name in ("eval", "clone", "sequence", "flatten", "first", "len2", "Count", "foldLeft"):
        assert name not in LIBRARY
        assert _code(f"${name}(1)") == "EXPRESSION_UNKNOWN_FUNCTION", name


def test_functions_that_take_the_root_as_their_context_are_known() -> None:
    """A call whose answer depends on the root, though it names nothing of it, says so."""
    arguments = ["", "'payload'", "1", "function($v) { $v }", "?", "'payload', 1", "'a', /a/"]
    documents: list[dict[str, Json]] = [{"payload": {"x": 1}}, {"payload": 2, "vars": 3}, {}]
    texts = [
        shape.format(name=name, arguments=given)
        for name in sorted(LIBRARY)
        for given in arguments
        for shape in ("${name}({arguments})", "($f := ${name}; $f({arguments}))")
        if check_syntax(shape.format(name=name, arguments=given)) is None
    ]
    dependent = {text for text in texts if len({_outcome(text, one) for one in documents}) > 1}
    assert {"$string()", "$lookup('payload')", "($f := $string; $f())"} <= dependent
    assert {text for text in dependent if not _read(text).whole_context} == set()


def _code(text: str) -> str | None:
    try:
        evaluate(text, {}, SOURCES)
    except ExpressionError as error:
        return error.error_code
    return None


def _outcome(text: str, document: dict[str, Json]) -> str:
    try:
        return repr(evaluate(text, document, SOURCES))
    except ExpressionError as error:
        return error.error_code


def test_reading_is_fast() -> None:
    """Realistic expressions take some 20 µs each: a definition has a thousand."""
    texts = [
        "payload.client.id",
        'vars.total > 100 and payload.kind = "gold"',
        "$count(payload.items[price > 5])",
        "payload.items.(price * quantity)",
        '{"id": payload.id, "name": payload.client.name & "x"}',
        "$map(payload.items, function($v) { $v.price * vars.rate })",
        'event.amount >= 10 ? "big" : "small"',
        "$sum(vars.lines.amount) / $count(vars.lines)",
        "$exists(payload.due) ? payload.due : $nowIso()",
        "($t := payload.total; $t > vars.limit or $t < 0)",
    ]
    began = time.process_time()
    for _ in range(200):
        for text in texts:
            reads_of(text)
    each = (time.process_time() - began) / (200 * len(texts)) * 1e6
    assert each < 120

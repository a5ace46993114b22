"""The static reading against the engine itself, over expressions that are made up."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.expressions.engine import (
    ExpressionError,
    Sources,
    check_syntax,
    evaluate,
    reads_of,
)
from alga_workflows_core.types.json import Json, JsonObject

SOURCES = Sources(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), random=lambda: 0.5)

NAMES = ["payload", "vars", "event", "in", "odd name"]
_SPELLINGS = {"odd name": ["`odd name`"], "vars": ["vars", "`vars`"]}

Path = tuple[str, ...]


def _document(depth: int) -> Json:
    """The same names at every level, so that a read at the wrong one is not harmless."""
    if depth == 0:
        return {"payload": 3, "vars": 5, "event": "e", "in": True, "odd name": "text"}
    below = _document(depth - 1)
    return {
        "payload": [below, {"vars": depth, "event": [1, 2], "payload": below}],
        "vars": below,
        "event": depth,
        "in": {"payload": "in", "vars": [depth, 4]},
        "odd name": [3, 1, 2],
    }


DOCUMENT: JsonObject = _document(2)


class _Maker:
    """Makes an expression and knows what it put where: the roots, the paths, and whether `*`."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._variables = 0
        self.paths: set[Path] = set()
        self.whole = False

    def _one(self, choices: list[str]) -> str:
        return self._draw(st.sampled_from(choices))

    def any(self, context: Path | None, depth: int) -> str:
        """An expression whose context is at `context` from the root, or elsewhere (None)."""
        if depth <= 0:
            literal = self._one(["", "", "", "1", "2.5", "'payload'", "true", "null"])
            return literal or self._name(context)[0]
        kind = self._one([*_KINDS, "path", "path", "path"])
        if kind == "path":
            return self.path(context, depth)[0]
        if kind == "wildcard":
            if context == ():
                self.whole = True
            elif context:
                self.paths.add(context)
            return self._one(["*", "**", "$", "*.vars", "$.*"])
        form = _KINDS[kind]
        parts = [self.any(context, depth - 1) for part in ("{0}", "{1}", "{2}") if part in form]
        self._variables += 1
        return form.format(*parts, variable=f"$v{self._variables}")

    def path(self, context: Path | None, depth: int) -> tuple[str, Path | None]:
        """A path that can stand everywhere, and the place of its value."""
        text, place = self._name(context)
        for _ in range(self._draw(st.integers(0, 3))):
            text, place = self._step(text, place, depth)
        if self._draw(st.booleans()):
            text = f"({text})"
        return text, place

    def _step(self, text: str, place: Path | None, depth: int) -> tuple[str, Path | None]:
        kind = self._one(["name", "name", "index", "filter", "block", "object", "sort", "group"])
        if kind == "name":
            name, below = self._name_below(place)
            return f"{text}.{name}", below
        if kind == "index":
            return text + self._one(["[0]", "[-1]", "[]", "[[0..1]]"]), place
        inner = self.any(place, depth - 1)
        if kind == "filter":
            return f"{text}[{inner}]", place
        if kind == "block":
            if self._draw(st.booleans()):
                path, below = self.path(place, depth - 1)
                return f"{text}.({inner}; {path})", below
            return f"{text}.({inner} = 1)", None
        if kind == "object":
            return f"{text}.{{'payload': {inner}}}", None
        if kind == "sort":
            return f"({text}^({self._one(['', '<', '>'])}{inner}))", place
        return f"({text}{{$string({inner}): 1}})", None

    def _name(self, context: Path | None) -> tuple[str, Path | None]:
        kind = self._one(["", "", "", "$.", "$$."])
        name, place = self._name_below(() if kind == "$$." else context)
        return kind + name, place

    def _name_below(self, context: Path | None) -> tuple[str, Path | None]:
        name = self._one(NAMES)
        spelled = self._one(_SPELLINGS.get(name, [name]))
        if context is None:
            return spelled, None
        self.paths.add((*context, name))
        return spelled, (*context, name)


_KINDS = {
    "wildcard": "",
    "variable": "({variable} := {0}; [{variable}, {1}, {variable}.vars, {variable}[payload = 1]])",
    "array": "[{0}, {1}, {2}]",
    "object": "{{'a': {0}, 'b': {1}}}",
    "condition": "({0} ? {1} : {2})",
    "default": "({0} ?? {1} ?: {2})",
    "sum": "{0} + {1}",
    "text": "{0} & {1} & {2}",
    "comparison": "({0} = {1} or {2} != 1)",
    "word": "({0} and {1} in [{2}])",
    "negation": "(-({0}))",
    "call": "$string([{0}, {1}])",
    "shadowed": "{0} ~> $append({1})",
    "lambda": "$map([{0}], function($p, $i) {{ [$p.vars, {1}] }})",
    "applied": "function($q) {{ [$q[vars = 1], {0}] }}({1})",
    "division": "({0})/({1})/*vars.payload*/",
    "exists": "$exists({0}) and $count({1}) > 0",
    "match": "$contains($string([{0}]), /vars\\/payload/i)",
}


@st.composite
def _expressions(draw: st.DrawFn) -> tuple[str, set[Path], bool]:
    maker = _Maker(draw)
    text = maker.any((), draw(st.integers(1, 3)))
    return text, maker.paths, maker.whole


def _outcome(text: str, document: JsonObject) -> tuple[str, str]:
    try:
        return "value", repr(evaluate(text, document, SOURCES))
    except ExpressionError as error:
        return error.error_code, str(error)


def _roots_that_matter(text: str) -> set[str]:
    """The top-level names whose absence or change gives another result: it reads those."""
    usual = _outcome(text, DOCUMENT)
    found: set[str] = set()
    for name in DOCUMENT:
        without = {key: value for key, value in DOCUMENT.items() if key != name}
        if any(_outcome(text, one) != usual for one in (without, {**DOCUMENT, name: 77})):
            found.add(name)
    return found


@settings(max_examples=1_000, deadline=None)
@given(made=_expressions())
def test_the_static_reading_is_the_truth(made: tuple[str, set[Path], bool]) -> None:
    """What an expression was made of is found; what the engine reads is never missing."""
    text, paths, whole = made
    assert check_syntax(text) is None
    found = reads_of(text)
    assert found is not None
    static = {read.path for read in found.reads}
    roots = {path[0] for path in static}
    assert roots == {path[0] for path in paths}
    assert static <= paths
    # Nothing is left out but what a longer path goes through.
    assert {path for path in paths if not any(_starts(longer, path) for longer in static)} == set()
    assert found.whole_context == whole
    assert found.unbound == ()
    if not whole:
        assert _roots_that_matter(text) <= roots


def _starts(longer: Path, path: Path) -> bool:
    return longer[: len(path)] == path


_PLAIN = "payload vars $x $ $$ $count count function λ and or in true null 1 2.5 'a' \"b\" `c`"
_OPERATORS = ". .. ( ) [ ] { } , ; : := ? ?? ?: ~> + - * ** / % | = != < <= > >= & ^ @ # ! ~ \\"
_FRAGMENTS = [
    *_PLAIN.split(),
    *_OPERATORS.split(),
    *["/a/", "/*", "*/", "'", '"', "`", "\n", "é", "\x00", "😀", "function($x){", "^(>", "<x-:x>"],
]


@settings(max_examples=1_500, deadline=None)
@given(text=st.lists(st.sampled_from(_FRAGMENTS), max_size=14).map(" ".join))
@example("a@$v.vars")
@example("- - a{b: c}")
@example("vars + payload^(vars).event")
@example("vars = payload^(vars).event")
def test_what_the_engine_reads_is_never_missing(text: str) -> None:
    """Of any text that compiles, however odd, no root that matters is left out."""
    found = reads_of(text)
    if found is None or check_syntax(text) is not None:
        return
    if not found.whole_context:
        assert _roots_that_matter(text) <= {read.path[0] for read in found.reads}


@settings(max_examples=500, deadline=None)
@given(text=st.text() | st.text("$a.()[]{}'\"`/*:?^|%@#<>-\\ ", max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    """Any text at all has an answer or none, and no answer points outside of the text."""
    found = reads_of(text)
    check_syntax(text)
    if found is not None:
        named = (*found.reads, *found.calls, *found.unbound)
        assert all(0 <= one.position < len(text) for one in named)


@pytest.mark.parametrize(
    "piece",
    [
        *["(", "[", "{", "a.", "a[0].", "a[", "a.(", "-", "*", "*.", "%.", "/*a*/", "/*", "a$"],
        *["a?", "a?b:", "`", '"', '"\\', "a{", "|", "$x:=", "$f(", "a~>", "a^(", "/", "a/", "1."],
        *["function($x){", "$", "<", "λ(", "é", "\n", "\x00", "a@$b.", "a,", ";", "a b "],
        *["(a;b).", "a.$.", "[a,a].", "a.(a.", "a.b[c]{d:e}."],
    ],
)
def test_the_time_is_bounded(piece: str) -> None:
    """Ten thousand characters of one piece, closed or not, take a moment."""
    text = (piece * 10_000)[: 9_990 // len(piece) * len(piece)]
    for whole in (text, text + "a", text + "\x01", text + "'"):
        began = time.process_time()
        reads_of(whole)
        check_syntax(whole)
        assert time.process_time() - began < 0.5

"""A pass over the tokens of an expression that follows where its values come from."""

from __future__ import annotations

from alga_workflows_core.expressions.library import ARGUMENTS_WITHOUT_CONTEXT, LIBRARY
from alga_workflows_core.expressions.places import ROOT, Found, Place
from alga_workflows_core.expressions.tokens import (
    DEFAULT_OPERATORS,
    END,
    NAME,
    NUMBER,
    OPERATORS,
    QUOTED,
    REGEX,
    STRING,
    VARIABLE,
    WORD_OPERATORS,
    tokens_of,
)

_MAX_DEPTH = 64

_NAMES = frozenset({NAME, QUOTED})
_LITERALS = frozenset({NUMBER, REGEX})
_VALUE_WORDS = frozenset({"true", "false", "null"})
_LAMBDAS = frozenset({"function", "λ"})
# After a text these may, or may not, make it the name of a step: `"a"[0].b` reads `a`.
_AFTER_DOUBTFUL_STRING = frozenset("[#@^{(")


class Unfollowed(Exception):  # noqa: N818 - not an error: the answer is "no answer"
    """The text cannot be followed."""


class Reader:
    """One pass over the tokens of one text."""

    # A method that reads an expression takes the place of its context and answers that of its
    # value. Whoever does not go on from there `_take`s it: what stands there is read.

    __slots__ = ("_at", "_depth", "_found", "_kinds", "_positions", "_take", "_texts")

    def __init__(self, text: str) -> None:
        """Raises Unfollowed if `text` goes on with what is no token."""
        self._kinds, self._texts, self._positions, complete = tokens_of(text)
        if not complete:
            raise Unfollowed
        self._at = 0
        self._depth = 0
        self._found = Found()
        self._take = self._found.take

    def found(self) -> Found:
        """What the text names. Raises Unfollowed, or RecursionError on a full stack."""
        self._take(self._expression(ROOT))
        self._expect(END)
        return self._found

    def _expression(self, context: Place) -> Place:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Unfollowed
        kinds = self._kinds
        value = self._path(context)
        is_path = True
        while True:
            kind = kinds[self._at]
            if kind in OPERATORS or (kind == NAME and self._texts[self._at] in WORD_OPERATORS):
                self._at += 1
                take = self._found.ask if kind in DEFAULT_OPERATORS else self._take
                take(value)
                right = self._path(context)
                (take if kinds[self._at] in DEFAULT_OPERATORS else self._take)(right)
                value, is_path = None, False
            elif kind == "^":
                # It sorts all that stands before it: after an operator, no place in the context.
                self._order_by(value)
                value = self._steps(value, context, context)
            elif kind == "?":
                self._at += 1
                self._take(value)
                self._take(self._expression(context))
                value, is_path = None, False
                if kinds[self._at] == ":":
                    self._at += 1
                    value = self._path(context)
            else:
                break
        self._depth -= 1
        if is_path:
            return value
        self._take(value)
        return None

    def _path(self, context: Place) -> Place:
        return self._steps(self._operand(context), context, context)

    def _steps(self, value: Place, within: Place, context: Place) -> Place:
        """What follows the first step, whose value is `value` and whose own context `within`."""
        kinds = self._kinds
        while True:
            kind = kinds[self._at]
            if kind == ".":
                self._at += 1
                within = value
                value = self._step(value)
            elif kind == "[":
                self._at += 1
                if kinds[self._at] != "]":
                    self._take(self._expression(value))
                self._expect("]")
            elif kind == "(":
                if self._arguments(within) < 2:
                    self._found.indirect = True
                self._take(value)
                value = None
            elif kind == "{":
                known = len(self._found.reads)
                self._pairs(value)
                self._found.leave(value, known, None)
                value, within = None, context
            elif kind == "#" or kind == "@":
                self._at += 1
                self._found.bound.add(self._texts[self._at][1:])
                self._expect(VARIABLE)
                if kind == "@":
                    # The next step starts where this one did, beside what it found.
                    self._found.whole = True
                    self._take(value)
                    value = None
            else:
                return value

    def _step(self, place: Place) -> Place:
        """The step after a dot, whose context is `place`."""
        at = self._at
        kind = self._kinds[at]
        if kind in _NAMES and self._kinds[at + 1] != "(":
            self._at = at + 1
            text = self._texts[at]
            return self._below(place, text if kind == NAME else text[1:-1], at)
        known = len(self._found.reads)
        value = self._operand(place)
        self._found.leave(place, known, value)
        return value

    def _operand(self, context: Place) -> Place:
        at = self._at
        kind = self._kinds[at]
        self._at = at + 1
        if kind == NAME:
            text = self._texts[at]
            if self._kinds[at + 1] == "(":
                return self._lambda(context) if text in _LAMBDAS else self._named_call(context)
            return None if text in _VALUE_WORDS else self._below(context, text, at)
        if kind == VARIABLE:
            return self._variable(context)
        if kind == STRING:
            return self._string(context)
        if kind in _LITERALS:
            return None
        if kind == "(":
            return self._block(context)
        if kind == QUOTED:
            if self._kinds[at + 1] == "(":
                return self._named_call(context)
            return self._below(context, self._texts[at][1:-1], at)
        self._constructed(kind, context)
        return None

    def _constructed(self, kind: str, context: Place) -> None:
        """An operand that has no place, but may read some."""
        if kind == "{":
            self._at -= 1
            self._pairs(context)
        elif kind == "[":
            self._listed("]", context)
        elif kind == "-":
            while self._kinds[self._at] == "-":
                self._at += 1
            self._take(self._path(context))
        elif kind == "*" or kind == "**":
            self._take(context)
        elif kind == "%":
            self._found.whole = True
        elif kind == "|":
            self._transform()
        else:
            raise Unfollowed

    def _string(self, context: Place) -> Place:
        """A text; beside a dot the name of a step, as in `payload."first name"`."""
        at = self._at - 1
        following = self._kinds[at + 1]
        if following == "." or (at and self._kinds[at - 1] == "."):
            text = self._texts[at]
            if "\\" in text:
                raise Unfollowed
            return self._below(context, text[1:-1], at)
        if following in _AFTER_DOUBTFUL_STRING:
            raise Unfollowed
        return None

    def _variable(self, context: Place) -> Place:
        at = self._at - 1
        name = self._texts[at][1:]
        following = self._kinds[at + 1]
        if not name:
            return context
        if name == "$":
            return ROOT
        if following == ":=":
            self._at += 1
            self._found.bound.add(name)
            self._take(self._expression(context))
        elif following == "(":
            self._called(name, context)
        else:
            self._found.variables.append((name, self._positions[at], True))
            if name in ARGUMENTS_WITHOUT_CONTEXT:
                self._found.aliased = True
        return None

    def _called(self, name: str, context: Place) -> None:
        at = self._at - 1
        self._found.calls.append((name, self._positions[at], True))
        given = self._arguments(context, asks=name in {"exists", "coalesce"})
        if at and self._kinds[at - 1] == "~>":
            given += 1
        if name not in LIBRARY:
            self._found.indirect = self._found.indirect or given < 2
        elif given < ARGUMENTS_WITHOUT_CONTEXT.get(name, 0) and context == ROOT:
            self._found.whole = True

    def _named_call(self, context: Place) -> Place:
        at = self._at - 1
        text = self._texts[at]
        name = text if self._kinds[at] == NAME else text[1:-1]
        self._found.calls.append((name, self._positions[at], False))
        self._arguments(context)
        return None

    def _arguments(self, context: Place, *, asks: bool = False) -> int:
        """The arguments of a call, brackets included; how many they are."""
        self._expect("(")
        return self._listed(")", context, asks=asks)

    def _listed(self, closing: str, context: Place, *, asks: bool = False) -> int:
        kinds = self._kinds
        take = self._found.ask if asks else self._take
        if kinds[self._at] == closing:
            self._at += 1
            return 0
        count = 1
        while True:
            if kinds[self._at] == "?" and closing == ")":
                # A function that waits for this argument.
                self._at += 1
                self._found.aliased = True
            else:
                take(self._expression(context))
            if kinds[self._at] != ",":
                self._expect(closing)
                return count
            self._at += 1
            count += 1

    def _block(self, context: Place) -> Place:
        value: Place = None
        while self._kinds[self._at] != ")":
            self._take(value)
            value = self._expression(context)
            if self._kinds[self._at] != ";":
                break
            self._at += 1
        self._expect(")")
        return value

    def _pairs(self, context: Place) -> None:
        self._expect("{")
        while self._kinds[self._at] != "}":
            self._take(self._expression(context))
            self._expect(":")
            self._take(self._expression(context))
            if self._kinds[self._at] != ",":
                break
            self._at += 1
        self._expect("}")

    def _order_by(self, place: Place) -> None:
        self._at += 1
        self._expect("(")
        while True:
            self._at += self._kinds[self._at] in {"<", ">"}
            self._take(self._expression(place))
            if self._kinds[self._at] != ",":
                break
            self._at += 1
        self._expect(")")

    def _lambda(self, context: Place) -> Place:
        """A function: its body has the context in which it stands."""
        kinds = self._kinds
        self._at += 1
        while kinds[self._at] == VARIABLE:
            self._found.bound.add(self._texts[self._at][1:])
            self._at += 1
            self._at += kinds[self._at] == ","
        self._expect(")")
        if kinds[self._at] == "<":
            self._signature()
        self._expect("{")
        self._take(self._expression(context))
        self._expect("}")
        return None

    def _signature(self) -> None:
        depth = 0
        while True:
            kind = self._kinds[self._at]
            if kind == END:
                raise Unfollowed
            if kind == "-":
                # An argument that is left out is the context.
                self._found.whole = True
            depth += (kind == "<") - (kind == ">")
            self._at += 1
            if depth == 0:
                return

    def _transform(self) -> None:
        """`|place|update, delete|`, a function: its context is what it is applied to."""
        self._take(self._expression(None))
        self._expect("|")
        self._take(self._expression(None))
        if self._kinds[self._at] == ",":
            self._at += 1
            self._take(self._expression(None))
        self._expect("|")

    def _below(self, place: Place, name: str, at: int) -> Place:
        if place is None:
            return None
        path, position = place
        return ((*path, name), position) if path else ((name,), self._positions[at])

    def _expect(self, kind: str) -> None:
        if self._kinds[self._at] != kind:
            raise Unfollowed
        self._at += 1

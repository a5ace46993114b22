"""The text of an expression in tokens: what JSONata 2 tells apart, without judging their order."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

NAME: Final = "name"
QUOTED: Final = "quoted"
VARIABLE: Final = "variable"
STRING: Final = "string"
NUMBER: Final = "number"
REGEX: Final = "regex"
END: Final = "end"

WORD_OPERATORS: Final = frozenset({"and", "or", "in"})
DEFAULT_OPERATORS: Final = frozenset({"??", "?:"})
OPERATORS: Final = DEFAULT_OPERATORS | frozenset(
    ["+", "-", "*", "/", "%", "&", "=", "!=", "<", "<=", ">", ">=", "..", "~>"]
)

# A name is what the engine takes for letters, and more: it has refused the rest before. Groups
# that cannot match in two ways (`*+`, `?>`) keep the time proportional to the text.
_BLANK = r"\s*+(?:(?>/\*(?s:.*?)\*/)\s*+)*+"
_TOKEN = re.compile(
    _BLANK
    + r"""(?:
      (?P<name>[^\s\x00-@\[-^`{-\x7f][^\s\x00-\#%-/:-@\[-^`{-\x7f]*+)
    | (?P<operator>\*\*|:=|~>|\.\.|\?\?|\?:|!=|<=|>=|/(?!\*)|[.\[\](){},:;?+\-*%|=<>^&@\#])
    | (?P<variable>\$[^\s\x00-\#%-/:-@\[-^`{-\x7f]*+)
    | (?P<string>"(?s:[^"\\]|\\.)*+"|'(?s:[^'\\]|\\.)*+')
    | (?P<number>(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)
    | (?P<quoted>`[^`]*+`)
    | (?P<end>\Z)
    )
    """,
    re.VERBOSE,
)
_BLANKS = re.compile(_BLANK)
_REGEX = re.compile(r"/(?s:[^/\\]|\\.)*+/[A-Za-z]*+")

# What a slash after divides; after anything else it opens a regular expression.
_OPERANDS = frozenset({NAME, QUOTED, VARIABLE, STRING, NUMBER, REGEX, ")", "]", "}", "*", "%", "."})


class Tokens(NamedTuple):
    """The tokens of a text, side by side; the last is END, where the text or its tokens stop.

    `kinds` are the constants of this module or, of an operator, the operator itself; `positions`
    are offsets in the text. `complete` is False if the text goes on with what is no token, such as
    a string that is not closed. White space and comments belong to no token.
    """

    kinds: list[str]
    texts: list[str]
    positions: list[int]
    complete: bool


def tokens_of(text: str) -> Tokens:
    """The tokens of `text`, as far as it consists of tokens; in time proportional to it."""
    kinds: list[str] = []
    texts: list[str] = []
    positions: list[int] = []
    match = _TOKEN.match
    at = 0
    while True:
        found = match(text, at)
        if found is None:
            break
        kind = found.lastgroup or END
        token = found[kind]
        at = found.end()
        if kind == "operator":
            kind = token
            if kind == "/" and not _divides(kinds, texts):
                found = _REGEX.match(text, at - 1)
                if found is None:
                    at -= 1
                    break
                kind, token, at = REGEX, found[0], found.end()
        kinds.append(kind)
        texts.append(token)
        positions.append(at - len(token))
        if kind == END:
            return Tokens(kinds, texts, positions, complete=True)
    kinds.append(END)
    texts.append("")
    positions.append(_after_blanks(text, at))
    return Tokens(kinds, texts, positions, complete=False)


def _divides(kinds: list[str], texts: list[str]) -> bool:
    # The engine takes `and` before a slash for the operator, wherever it stands.
    return bool(kinds) and kinds[-1] in _OPERANDS and texts[-1] not in WORD_OPERATORS


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at

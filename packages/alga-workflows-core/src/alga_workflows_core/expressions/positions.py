"""Where in its text an expression is at fault: the engine says what it met, not at which offset."""

from __future__ import annotations

import re
from collections.abc import Callable

from alga_workflows_core.expressions.tokens import NAME, STRING, VARIABLE, Tokens, tokens_of

# The engine reads from left to right and stops at the first of these. So it complains alike of the
# text cut off behind the fault, and not of the text cut off before. Its other complaints come
# after the reading, about the whole.
_AT_A_TOKEN = re.compile(
    r"Parse error: (?:[A-Z][a-z]+ [a-z]+: )?"
    r"(?:S0(?:101|102|103|104|105|201|202|204|208|211)\b|Unclosed comment)"
)
_AT_THE_END = re.compile(r"Parse error: (?:S0207: Unexpected end|S0203: .* before end)")
_UNKNOWN_CHARACTER = re.compile(r"Parse error: S0204: Unknown operator: (.)\Z", re.DOTALL)
_NO_PARAMETER = "Parse error: S0208:"

_SOUND_TEXT = re.compile(r"""["'](?:[^\\]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+""")


def fault_position(text: str, message: str, complaint: Callable[[str], str | None]) -> int | None:
    """The offset in `text` at which the engine's `message` holds; None if it is not certain.

    `complaint` answers the engine's message about another text, None if it compiles. Where `text`
    ends too early, the offset is that behind its last token. Asks as often as the number of tokens
    can be halved.
    """
    tokens = tokens_of(text)
    last = len(tokens.kinds) - (2 if tokens.complete else 1)
    if _AT_THE_END.match(message):
        return _end(tokens, last) if tokens.complete else None
    if last < 0 or not _AT_A_TOKEN.match(message) or complaint(text) != message:
        return None
    first, beyond = 0, last
    while first < beyond:
        middle = (first + beyond) // 2
        if complaint(text[: _end(tokens, middle)]) == message:
            beyond = middle
        else:
            first = middle + 1
    if first and complaint(text[: _end(tokens, first - 1)]) == message:
        return None
    return _within(tokens, first, text, message)


def raised_position(text: str, message: str) -> int | None:
    """The offset of what raised the engine's `message` when `text` ran; None if not certain.

    The engine names an operator or a function, or says that some argument does not fit. That is
    certain if `text` has only one of them.
    """
    tokens = tokens_of(text)
    named = _NAMES_AN_OPERATOR.match(message)
    if named:
        kind = named[1] or named[2] or ".."
        return _only(tokens, [i for i, each in enumerate(tokens.kinds) if each == kind])
    unknown = _NAMES_A_FUNCTION.match(message)
    if unknown:
        return _only(tokens, [i for i, each in enumerate(tokens.texts) if each == unknown[1]])
    if not _NAMES_NOTHING.match(message) or _makes_functions(tokens):
        return None
    names = [
        index
        for index, (kind, name) in enumerate(zip(tokens.kinds, tokens.texts, strict=True))
        if kind == VARIABLE and name not in ("$", "$$")
    ]
    return _only(tokens, names)


# 1 and 2 of an operator; a range has no name of its own. Functions are named with their dollar.
_NAMES_AN_OPERATOR = re.compile(
    r"(?:\w+ \w+: )*(?:T200[12]: The \w+ side of the (\S+) operator"
    r'|T2009: .*operator "(\S+)"|T200[34]: )'
)
_NAMES_A_FUNCTION = re.compile(r"(?:\w+ \w+: )*T1006: .*: (\$\w+)\Z")
_NAMES_NOTHING = re.compile(r"(?:\w+ \w+(?: \w+)*: )*T04\d\d: ")


def _makes_functions(tokens: Tokens) -> bool:
    """Whether there are functions besides those of the library, with arguments of their own."""
    pairs = zip(tokens.kinds, tokens.texts, strict=True)
    return any(kind == NAME and text in ("function", "λ") for kind, text in pairs)


def _only(tokens: Tokens, indices: list[int]) -> int | None:
    return tokens.positions[indices[0]] if len(indices) == 1 and tokens.complete else None


def _within(tokens: Tokens, index: int, text: str, message: str) -> int:
    position = tokens.positions[index]
    if message.startswith(_NO_PARAMETER):
        # Said as soon as a parameter is due, whatever follows.
        return tokens.positions[min(index + 1, len(tokens.kinds) - 1)]
    unknown = _UNKNOWN_CHARACTER.match(message)
    if unknown:
        return max(position, text.find(unknown[1], position))
    if tokens.kinds[index] == STRING:
        sound = _SOUND_TEXT.match(tokens.texts[index])
        if sound and sound.end() < len(tokens.texts[index]):
            return position + sound.end()
    return position


def _end(tokens: Tokens, index: int) -> int:
    return tokens.positions[index] + len(tokens.texts[index]) if index >= 0 else 0

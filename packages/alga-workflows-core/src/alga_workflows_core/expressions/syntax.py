"""Where a text stops being an expression: the engine says what it met, but not at which offset."""

from __future__ import annotations

import re
from collections.abc import Callable

from alga_workflows_core.expressions.tokens import STRING, Tokens, tokens_of

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

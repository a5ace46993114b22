"""The places of a JSON text."""

from __future__ import annotations

import json

from alga_workflows_core.definition.places import Place
from alga_workflows_core.types.strict_json import lexemes


def json_places(text: str) -> Place:
    """The places of `text`, which `strict_json.loads` has to have read."""
    reader = _Reader(text)
    lexeme, line, column = reader.next()
    return reader.value(lexeme, line, column)


class _Reader:
    """Reads values; it may call itself, since the nesting has been checked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lexemes = lexemes(text)
        self._line = 1
        self._line_start = 0
        self._counted = 0

    def next(self) -> tuple[str, int, int]:
        """The next lexeme with its line and column."""
        offset, lexeme = next(self._lexemes)
        breaks = self._text.count("\n", self._counted, offset)
        if breaks:
            self._line += breaks
            self._line_start = self._text.rindex("\n", self._counted, offset) + 1
        self._counted = offset
        return lexeme, self._line, offset - self._line_start + 1

    def value(self, lexeme: str, line: int, column: int) -> Place:
        """The value that begins with `lexeme`, which stands (or is named) at line and column."""
        if lexeme == "{":
            return Place(line, column, self._members())
        if lexeme == "[":
            return Place(line, column, self._items())
        return Place(line, column)

    def _members(self) -> dict[str, Place]:
        found: dict[str, Place] = {}
        lexeme, line, column = self.next()
        while lexeme != "}":
            if lexeme != ",":
                self.next()  # the colon
                begin, _, _ = self.next()
                found[json.loads(lexeme)] = self.value(begin, line, column)
            lexeme, line, column = self.next()
        return found

    def _items(self) -> list[Place]:
        found: list[Place] = []
        lexeme, line, column = self.next()
        while lexeme != "]":
            if lexeme != ",":
                found.append(self.value(lexeme, line, column))
            lexeme, line, column = self.next()
        return found

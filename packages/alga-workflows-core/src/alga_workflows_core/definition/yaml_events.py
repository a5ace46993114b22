r"""A YAML text as the events of its one document, or the error that says why it has none.

Scanner and parser are PyYAML's, which know YAML 1.1: characters and directives that would make a
text mean something else to a reader of YAML 1.2 are refused. Some text of YAML 1.2 is refused by
them: tabs between tokens, `{"a"\n:1}`, names of more than 1,024 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn, TypeAlias, cast

from yaml.error import MarkedYAMLError
from yaml.events import (
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    StreamEndEvent,
)
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from alga_workflows_core.errors import InputError

Spot: TypeAlias = tuple[int, int]
"""Line and column, from 1."""

SYNTAX = "YAML_SYNTAX"
UNSUPPORTED = "YAML_UNSUPPORTED"

_SHOWN = 80
# YAML 1.1 breaks lines at these and folds them into blanks; YAML 1.2 keeps them as they are.
_BREAKS_OF_1_1 = re.compile("[\x85\u2028\u2029]")


class _Events(Reader, Scanner, Parser):
    """PyYAML's machine without its composer, resolver and constructor."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    @property
    def spot(self) -> Spot:
        """How far the text has been read."""
        return cast("int", self.line) + 1, cast("int", self.column) + 1

    def next(self) -> Event:
        """The next event; StreamEndEvent is the last."""
        # The stubs leave its type out.
        return cast("Event", self.get_event())  # pyright: ignore[reportUnknownMemberType]


def yaml_events(text: str) -> Iterator[NodeEvent | CollectionEndEvent]:
    """The nodes of the one document in `text`, as they begin and end.

    Raises InputError with code YAML_SYNTAX, or YAML_UNSUPPORTED for directives, for more than one
    document and for characters that YAML 1.1 and YAML 1.2 read differently.
    """
    if found := _BREAKS_OF_1_1.search(text):
        fail(
            UNSUPPORTED,
            f"The YAML text holds the character U+{ord(found[0]):04X}, which readers of YAML 1.1"
            " and of YAML 1.2 understand differently",
            spot_of(text, found.start()),
            f'Write it in double quotes as "\\u{ord(found[0]):04x}".',
        )
    try:
        events = _Events(text)
    except ReaderError as error:
        fail(
            SYNTAX,
            f"The YAML text holds the character U+{error.character:04X}, which is not printable",
            spot_of(text, cast("int", error.position)),
            "Write it as an escape in double quotes, or remove it.",
        )
    try:
        yield from _of_one_document(events)
    except MarkedYAMLError as error:
        _malformed(error, events.spot)
    except (ValueError, OverflowError):
        # PyYAML converts escapes such as "\UFFFFFFFF" and version numbers without a check.
        what = "The YAML text is not well formed: a number in an escape or directive is too large"
        fail(SYNTAX, what, events.spot, "Correct the text at this place.")
    finally:
        events.dispose()


def _of_one_document(events: _Events) -> Iterator[NodeEvent | CollectionEndEvent]:
    documents = 0
    while not isinstance(event := events.next(), StreamEndEvent):
        if isinstance(event, NodeEvent | CollectionEndEvent):
            yield event
        elif isinstance(event, DocumentStartEvent):
            documents += 1
            _check_start(event, documents)
    if not documents:
        fail(SYNTAX, "The YAML text holds no document", (1, 1), "Write the document into it.")


def _check_start(event: DocumentStartEvent, number: int) -> None:
    if number > 1:
        fail(
            UNSUPPORTED,
            "A second document begins in the YAML text",
            start_of(event),
            "Give each document a file of its own.",
        )
    if event.tags or event.version not in (None, (1, 2)):
        fail(
            UNSUPPORTED,
            "The YAML text begins with a directive that is not %YAML 1.2",
            start_of(event),
            "Remove it; the text is read as YAML 1.2.",
        )


def _malformed(error: MarkedYAMLError, reached: Spot) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    said = said.replace("'\\x00'", "the end").replace("'<stream end>'", "the end")
    remedy = "Correct the text at this place."
    if "'\\t'" in said:
        remedy = "Use blanks instead of the tab."
    fail(
        SYNTAX,
        f"The YAML text is not well formed: {shown(said, 300)}",
        reached if mark is None else (mark.line + 1, mark.column + 1),
        remedy,
    )


def start_of(event: Event) -> Spot:
    """Where `event` begins."""
    mark = event.start_mark
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def spot_of(text: str, offset: int) -> Spot:
    """The place of the character at `offset`, lines broken as YAML 1.2 breaks them."""
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def shown(text: str, longest: int = _SHOWN) -> str:
    """`text`, shortened if it is very long."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fail(
    code: str,
    what: str,
    spot: Spot,
    remedy: str,
    *,
    path: str | None = None,
    kind: type[InputError] = InputError,
    **details: Any,
) -> NoReturn:
    """Raise the error for what stands at `spot`, in the form of those that `strict_json` raises."""
    line, column = spot
    raise kind(
        f"{what} (line {line}, column {column}).",
        code=code,
        path=path or None,
        remedy=remedy,
        details={"line": line, "column": column, **details},
    ) from None

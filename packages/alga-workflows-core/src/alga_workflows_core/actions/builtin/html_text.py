"""What a page of HTML says, as text.

The standard library's parser is not used: over some texts it takes time with the square of their
length, and what it makes of broken markup changes from release to release, which a replay may not.
Here each character is looked at a fixed number of times.
"""

from __future__ import annotations

import html
import re

# Any other `<` is text.
_OPENING = re.compile(r"<(?=[!?]|/?[a-zA-Z])")
# No part gives back what it has taken, so an unfinished tag is read once.
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?:[^>\"']|\"[^\"]*+\"|'[^']*+')*+>", re.ASCII
)
_REFERENCE = re.compile(r"&(?:#[0-9]++|#[xX][0-9a-fA-F]++|[A-Za-z][A-Za-z0-9]{1,31}+);?")
_BLANKS = re.compile(r"[ \t\n\f\r]+")
_LINE_ENDS = re.compile(r"\r\n?")
_LONGEST_REFERENCE = 40
_LONGEST_TAG_NAME = 20

_UNSEEN = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE | re.ASCII)
    for name in ("iframe", "noembed", "noframes", "script", "style", "textarea", "title")
}
_PARAGRAPHS = frozenset(
    {"blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "table", "ul"}
)
_LINES = frozenset(
    {
        "address", "article", "aside", "body", "dd", "details", "div", "dt", "fieldset",
        "figcaption", "figure", "footer", "form", "header", "li", "main", "nav", "section",
        "summary", "tr",
    }
)  # fmt: skip


def text_of(markup: str) -> str:
    """The text of `markup`: paragraphs with a blank line between them, list items with a hyphen.

    Scripts, styles, titles and comments are left out; cells of a row are a tab apart. What follows
    a tag, a comment or a script that does not end is left out, as browsers do.
    """
    page = _Page()
    position = 0
    while position < len(markup):
        found = _OPENING.search(markup, position)
        start = found.start() if found else len(markup)
        if start > position:
            page.write(_REFERENCE.sub(_character, markup[position:start]))
        position = _take(markup, start, page) if start < len(markup) else start
    return page.text()


def _take(markup: str, start: int, page: _Page) -> int:
    """Take what begins with `<` at `start`; where the next thing begins."""
    if markup[start + 1] in "!?":
        comment = markup.startswith("<!--", start)
        end = markup.find("-->", start + 4) if comment else markup.find(">", start)
        return end + (3 if comment else 1) if end >= 0 else len(markup)
    tag = _TAG.match(markup, start)
    if tag is None:
        return len(markup)
    name = tag["name"][:_LONGEST_TAG_NAME].lower()
    page.tag(name, begins=not tag["end"])
    if name in _UNSEEN and not tag["end"]:
        closing = _UNSEEN[name].search(markup, tag.end())
        return closing.start() if closing else len(markup)
    return tag.end()


def _character(reference: re.Match[str]) -> str:
    # A number of very many digits stands for no character, and would be no number to Python.
    return html.unescape(reference[0]) if len(reference[0]) <= _LONGEST_REFERENCE else "\ufffd"


class _Page:
    """Text with its gaps, which are written when something follows them."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._newlines = 0
        self._blank = ""
        self._mark = ""
        self._preformatted = 0

    def text(self) -> str:
        lines = "".join(self._parts).replace("\u00a0", " ").split("\n")
        return "\n".join(line.rstrip() for line in lines).strip("\n")

    def tag(self, name: str, *, begins: bool) -> None:
        if name in _PARAGRAPHS:
            self._newlines = max(self._newlines, 2)
        elif name in _LINES:
            self._newlines = max(self._newlines, 1)
        elif name == "br":
            self._newlines = min(self._newlines + 1, 2)
        elif name in {"td", "th"}:
            self._blank = "\t"
        if name == "li":
            self._mark = "- " if begins else ""
        if name == "pre":
            self._preformatted = max(self._preformatted + (1 if begins else -1), 0)

    def write(self, text: str) -> None:
        if self._preformatted:
            text = _LINE_ENDS.sub("\n", text)
            self._open()
            self._parts.append(text)
            return
        words = _BLANKS.sub(" ", text)
        if words.startswith(" "):
            self._blank = self._blank or " "
        if words.strip(" "):
            self._open()
            self._parts.append(words.strip(" "))
            self._blank = " " if words.endswith(" ") else ""

    def _open(self) -> None:
        if self._parts:
            self._parts.append("\n" * self._newlines if self._newlines else self._blank)
        self._parts.append(self._mark)
        self._newlines, self._blank, self._mark = 0, "", ""

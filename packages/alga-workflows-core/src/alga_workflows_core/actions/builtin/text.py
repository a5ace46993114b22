"""Pure actions on text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from alga_workflows_core.actions.builtin.html_text import text_of
from alga_workflows_core.actions.builtin.members import at
from alga_workflows_core.actions.builtin.refusals import refused, too_large
from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.actions.lanes import MAX_REMOTE_BYTES
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.strict_json import whole

_PLACEHOLDER = re.compile(r"\{\{([^{}]{1,500})\}\}")
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANK_LINES = re.compile(r"\n{3,}")

LongText = Annotated[str, Field(max_length=1_000_000, description="The text.")]
"""A text of any kind."""


class TextOutput(Model):
    """A text."""

    text: Annotated[str, Field(description="The text that was made.")]


class SlugInput(Model):
    """Any text, and the longest slug wanted."""

    text: Annotated[str, Field(max_length=100_000, description="The text.")]
    max_length: Annotated[
        int, Field(ge=1, le=200, description="Characters that the slug has at most.")
    ] = 80


class SlugOutput(Model):
    """A slug; empty if the text has no letter or digit of ASCII."""

    slug: Annotated[str, Field(description="The slug; empty if there is no letter or digit.")]


@action("text.slug", version=1, kind=ActionKind.PURE)
async def slug(request: SlugInput) -> SlugOutput:
    """Text as a short lower-case name of a-z, 0-9 and hyphens; accents are dropped."""
    plain = unicodedata.normalize("NFKD", request.text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return SlugOutput(slug=words[: request.max_length].strip("-"))


class TruncateInput(Model):
    """Any text, and how many characters may be left, ellipsis included."""

    text: LongText
    max_length: Annotated[
        int, Field(ge=1, le=100_000, description="Characters that may be left, ellipsis included.")
    ]
    ellipsis: Annotated[
        str, Field(max_length=10, description="What a text that was cut ends with.")
    ] = "…"


class TruncateOutput(Model):
    """The text that is left, and whether something was cut."""

    text: Annotated[str, Field(description="The text that is left.")]
    truncated: Annotated[bool, Field(description="Whether something was cut.")]


@action("text.truncate", version=1, kind=ActionKind.PURE)
async def truncate(request: TruncateInput) -> TruncateOutput:
    """Text of at most `maxLength` characters; what is cut ends with the ellipsis."""
    if len(request.text) <= request.max_length:
        return TruncateOutput(text=request.text, truncated=False)
    room = max(0, request.max_length - len(request.ellipsis))
    cut = request.text[:room].rstrip() + request.ellipsis
    return TruncateOutput(text=cut[: request.max_length], truncated=True)


class TemplateInput(Model):
    """A text with placeholders, and what to put in their places."""

    template: Annotated[
        str,
        Field(
            max_length=200_000,
            description="Text in which {{name}} stands for the member `name` of `values`, and"
            " {{order.id}} for what is inside it.",
            examples=["Dear {{customer.name}}, your order {{order.id}} is on its way."],
        ),
    ]
    values: Annotated[
        dict[str, Json],
        Field(description="What the placeholders stand for: text, numbers, true or false."),
    ]
    missing: Annotated[
        Literal["refuse", "blank"],
        Field(description="What becomes of a placeholder whose value is null or not there."),
    ] = "refuse"


@action("text.template", version=1, kind=ActionKind.PURE)
async def template(request: TemplateInput) -> TextOutput:
    """A text with its {{placeholders}} filled in; what is filled in is not read again."""
    parts: list[str] = []
    length = end = 0
    for found in _PLACEHOLDER.finditer(request.template):
        filled = _filled(found[1].strip(), request)
        parts += [request.template[end : found.start()], filled]
        end = found.end()
        length += len(filled)
        if length > MAX_REMOTE_BYTES:
            raise too_large("The text", "Fill in less.")
    return TextOutput(text="".join([*parts, request.template[end:]]))


def _filled(name: str, request: TemplateInput) -> str:
    match at(request.values, name):
        case None if request.missing == "blank":
            return ""
        case None:
            raise refused(
                "TEMPLATE_VALUE_MISSING",
                f"The template's placeholder {quoted(name)} has no value.",
                "Give it one in `values`, or set `missing` to blank.",
                placeholder=name,
            )
        case str() as text:
            return text
        case bool() | int() as plain:
            return json.dumps(plain)
        case float() as number:
            return json.dumps(whole(number))
        case _:
            raise refused(
                "TEMPLATE_VALUE_TYPE",
                f"The template's placeholder {quoted(name)} stands for a list or an object.",
                "Name a member that is text, a number, true or false.",
                placeholder=name,
            )


class SplitLinesInput(Model):
    """A text, and what becomes of its lines."""

    text: LongText
    trim: Annotated[bool, Field(description="Whether blanks around each line are dropped.")] = True
    keep_blank: Annotated[bool, Field(description="Whether lines without text are kept.")] = False


class SplitLinesOutput(Model):
    """Lines."""

    lines: Annotated[list[str], Field(description="The lines, without their ends.")]


@action("text.split_lines", version=1, kind=ActionKind.PURE)
async def split_lines(request: SplitLinesInput) -> SplitLinesOutput:
    """The lines of a text, whichever way they end."""
    lines = _LINE_END.split(request.text)
    if request.trim:
        lines = [line.strip() for line in lines]
    if not request.keep_blank:
        lines = [line for line in lines if line.strip()]
    return SplitLinesOutput(lines=lines)


class NormalizeWhitespaceInput(Model):
    """A text, and whether its lines matter."""

    text: LongText
    keep_lines: Annotated[
        bool, Field(description="Whether lines stay apart, with one blank line between at most.")
    ] = False


@action("text.normalize_whitespace", version=1, kind=ActionKind.PURE)
async def normalize_whitespace(request: NormalizeWhitespaceInput) -> TextOutput:
    """A text with one blank where there were several, and none around it."""
    if not request.keep_lines:
        return TextOutput(text=" ".join(request.text.split()))
    lines = (" ".join(line.split()) for line in _LINE_END.split(request.text))
    return TextOutput(text=_BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n"))


class HtmlInput(Model):
    """A page or a part of one."""

    html: Annotated[str, Field(max_length=1_000_000, description="The HTML.")]


@action("text.html_to_text", version=1, kind=ActionKind.PURE)
async def html_to_text(request: HtmlInput) -> TextOutput:
    """What a reader of some HTML sees, in paragraphs; scripts, styles and comments are left out."""
    return TextOutput(text=text_of(request.html))


class HashInput(Model):
    """A text."""

    text: LongText


class HashOutput(Model):
    """A fingerprint."""

    sha256: Annotated[str, Field(description="64 lower-case hexadecimal digits.")]


@action("text.hash", version=1, kind=ActionKind.PURE)
async def hash_text(request: HashInput) -> HashOutput:
    """The SHA-256 of a text in UTF-8, which tells texts apart without holding them."""
    return HashOutput(sha256=hashlib.sha256(request.text.encode()).hexdigest())


class EncodeInput(Model):
    """A text, and which alphabet."""

    text: LongText
    url_safe: Annotated[
        bool, Field(description="Whether - and _ stand for + and /, and the padding is left out.")
    ] = False


class EncodeOutput(Model):
    """Base64."""

    base64: Annotated[str, Field(description="The UTF-8 of the text in Base64.")]


@action("text.base64_encode", version=1, kind=ActionKind.PURE)
async def base64_encode(request: EncodeInput) -> EncodeOutput:
    """A text in Base64."""
    data = request.text.encode()
    if request.url_safe:
        return EncodeOutput(base64=base64.urlsafe_b64encode(data).decode().rstrip("="))
    return EncodeOutput(base64=base64.b64encode(data).decode())


class DecodeInput(Model):
    """Base64 in either alphabet."""

    base64: Annotated[
        str,
        Field(max_length=1_000_000, description="Base64; line breaks and padding do not matter."),
    ]


@action("text.base64_decode", version=1, kind=ActionKind.PURE)
async def base64_decode(request: DecodeInput) -> TextOutput:
    """The text that some Base64 stands for."""
    letters = "".join(request.base64.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
        return TextOutput(text=data.decode())
    except UnicodeDecodeError:
        _no_base64("It stands for bytes that are no text in UTF-8.")
    except (binascii.Error, ValueError):
        _no_base64("It is not Base64.")


def _no_base64(why: str) -> NoReturn:
    raise refused(
        "TEXT_BASE64",
        f"`base64` cannot be decoded. {why}",
        "Ask its source for text in Base64.",
    ) from None


def actions() -> Sequence[Action]:
    """The actions of this family."""
    return [
        slug,
        truncate,
        template,
        split_lines,
        normalize_whitespace,
        html_to_text,
        hash_text,
        base64_encode,
        base64_decode,
    ]

"""Pure actions on text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.definition.model import Model


class SlugInput(Model):
    """Any text, and the longest slug wanted."""

    text: Annotated[str, Field(max_length=100_000)]
    max_length: Annotated[int, Field(ge=1, le=200)] = 80


class SlugOutput(Model):
    """A slug; empty if the text has no letter or digit of ASCII."""

    slug: str


@action("text.slug", version=1, kind=ActionKind.PURE)
async def slug(request: SlugInput) -> SlugOutput:
    """Text as a short lower-case name of a-z, 0-9 and hyphens; accents are dropped."""
    plain = unicodedata.normalize("NFKD", request.text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return SlugOutput(slug=words[: request.max_length].strip("-"))


class TruncateInput(Model):
    """Any text, and how many characters may be left, ellipsis included."""

    text: Annotated[str, Field(max_length=1_000_000)]
    max_length: Annotated[int, Field(ge=1, le=100_000)]
    ellipsis: Annotated[str, Field(max_length=10)] = "…"


class TruncateOutput(Model):
    """The text that is left, and whether something was cut."""

    text: str
    truncated: bool


@action("text.truncate", version=1, kind=ActionKind.PURE)
async def truncate(request: TruncateInput) -> TruncateOutput:
    """Text of at most `maxLength` characters; what is cut ends with the ellipsis."""
    if len(request.text) <= request.max_length:
        return TruncateOutput(text=request.text, truncated=False)
    room = max(0, request.max_length - len(request.ellipsis))
    cut = request.text[:room].rstrip() + request.ellipsis
    return TruncateOutput(text=cut[: request.max_length], truncated=True)


def actions() -> Sequence[Action]:
    """The actions of this family."""
    return [slug, truncate]

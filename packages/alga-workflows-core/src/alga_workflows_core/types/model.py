"""The base of every model that a document or a wire format is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from alga_workflows_core.types.identifiers import LINE, PROSE

Line = Annotated[str, Field(pattern=LINE)]
"""Text on one line, without control characters: a name that rows, logs and pages show."""

Prose = Annotated[str, Field(pattern=PROSE)]
"""Text of any form that a `text` column can hold: everything but the NUL character."""


BY_KIND = Field(discriminator="kind")
"""Tells models of a union apart by their field `kind`."""


class Model(BaseModel):
    """Frozen; unknown fields are refused; names are camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        allow_inf_nan=False,
    )

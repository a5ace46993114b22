"""Numbers of JSON as the decimal fractions that people wrote, and back."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Annotated, TypeAlias

from pydantic import Field

from alga_workflows_core.actions.builtin.refusals import refused
from alga_workflows_core.types.strict_json import whole

Number: TypeAlias = Annotated[float, Field(strict=True)]
"""A number; not a text with digits, not true or false."""

# The digits between the largest double and the last of the smallest.
_DIGITS = 1200


def exact() -> Context:
    """A context in which sums of doubles, and their roundings, lose nothing."""
    return Context(prec=_DIGITS)


def decimal(number: float) -> Decimal:
    """The shortest decimal fraction that is this double: 0.1 for 0.1."""
    return Decimal(repr(number))


def as_number(value: Decimal) -> int | float:
    """The number of JSON next to `value`. ActionError NUMBER_RANGE if there is none."""
    number = float(value)
    if math.isfinite(number):
        return whole(number)
    raise refused(
        "NUMBER_RANGE",
        "The result is larger than any number of JSON.",
        "Use smaller numbers.",
    )

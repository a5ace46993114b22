"""Pure actions on numbers and amounts of money, counted in decimal fractions."""

from __future__ import annotations

import decimal
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from alga_workflows_core.actions.builtin import decimals
from alga_workflows_core.actions.builtin.decimals import Number, as_number
from alga_workflows_core.actions.builtin.refusals import refused
from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.strict_json import MAX_SAFE_INTEGER

Rounding: TypeAlias = Literal["halfUp", "halfEven", "up", "down", "ceiling", "floor"]
"""The ways to round."""

_ROUNDINGS: Mapping[str, str] = {
    "halfUp": decimal.ROUND_HALF_UP,
    "halfEven": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
    "ceiling": decimal.ROUND_CEILING,
    "floor": decimal.ROUND_FLOOR,
}
_MODE = (
    "halfUp: to the nearest, halves away from zero; halfEven: halves to an even digit; up: away"
    " from zero; down: toward zero; ceiling and floor: to the larger or smaller number."
)
_BLANKS = frozenset({" ", "\u00a0", "\u2009", "\u202f"})


class RoundInput(Model):
    """A number, and how to round it."""

    value: Annotated[Number, Field(description="The number.")]
    decimals: Annotated[
        int, Field(ge=-15, le=15, description="Digits after the point; -2 rounds to hundreds.")
    ] = 0
    mode: Annotated[Rounding, Field(description=_MODE)] = "halfUp"


class RoundOutput(Model):
    """A number, and how it is written."""

    value: Annotated[int | float, Field(description="The rounded number.")]
    text: Annotated[str, Field(description="The same with all its decimals, as in 2.50.")]


@action("number.round", version=1, kind=ActionKind.PURE)
async def round_number(request: RoundInput) -> RoundOutput:
    """A number rounded as it is written: 2.675 is 2.68, whatever the double behind it."""
    rounded = _rounded(request.value, request.decimals, request.mode)
    return RoundOutput(value=as_number(rounded), text=f"{rounded:f}")


def _rounded(value: float, places: int, mode: Rounding) -> Decimal:
    digits = decimals.decimal(value).quantize(
        Decimal(1).scaleb(-places), rounding=_ROUNDINGS[mode], context=decimals.exact()
    )
    # Zero has no sign in JSON.
    return digits or abs(digits)


class _Separators(Model):
    """How digits are set apart. ValueError if the two separators are one."""

    decimal_separator: Annotated[
        str, Field(pattern=r"^[^0-9+\-]$", description="What stands before the decimals.")
    ] = "."
    group_separator: Annotated[
        str,
        Field(pattern=r"^[^0-9+\-]?$", description="What stands between thousands; may be empty."),
    ] = ""

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.decimal_separator == self.group_separator:
            raise ValueError("`decimalSeparator` and `groupSeparator` have to differ")
        return self


class FormatInput(_Separators):
    """A number, and how to write it."""

    value: Annotated[Number, Field(description="The number.")]
    decimals: Annotated[int, Field(ge=0, le=15, description="Digits after the separator.")] = 2
    mode: Annotated[Rounding, Field(description=_MODE)] = "halfUp"


class FormatOutput(Model):
    """A number in writing."""

    text: Annotated[str, Field(description="The number as text.")]


@action("number.format", version=1, kind=ActionKind.PURE)
async def format_number(request: FormatInput) -> FormatOutput:
    """A number as text with the separators that are given: 1.234,50."""
    written = f"{_rounded(request.value, request.decimals, request.mode):,f}"
    marks = {",": request.group_separator, ".": request.decimal_separator}
    return FormatOutput(text="".join(marks.get(char, char) for char in written))


class ParseInput(_Separators):
    """A number in writing, and how its digits are set apart."""

    text: Annotated[
        str,
        Field(
            max_length=100,
            description="Digits with a sign and separators; blanks around them do not matter.",
            examples=["-1.234,50"],
        ),
    ]


class ParseOutput(Model):
    """A number."""

    value: Annotated[int | float, Field(description="The number.")]


@action("number.parse", version=1, kind=ActionKind.PURE)
async def parse(request: ParseInput) -> ParseOutput:
    """The number that a text is, written with the separators that are given."""
    point, group = re.escape(request.decimal_separator), request.group_separator
    between = f"[{''.join(sorted(_BLANKS))}]" if group in _BLANKS else re.escape(group)
    whole = rf"[0-9]{{1,3}}(?:{between}[0-9]{{3}})+|[0-9]+" if group else "[0-9]+"
    found = re.fullmatch(rf"([+-]?)({whole})(?:{point}([0-9]+))?", request.text.strip())
    if found is None:
        raise refused(
            "NUMBER_UNREADABLE",
            "`text` is no number that is written with these separators.",
            "Give digits, and the separators that they are written with.",
        )
    digits = re.sub("[^0-9]", "", found[2])
    number = Decimal(f"{found[1]}{digits}.{found[3] or 0}")
    if abs(number) > MAX_SAFE_INTEGER:
        raise refused(
            "NUMBER_RANGE",
            "`text` is a number beyond 2^53 - 1, which not every reader of JSON keeps exactly.",
            "Keep it as text.",
        )
    return ParseOutput(value=as_number(number))


class AllocateInput(Model):
    """An amount, and the weights of those who share it."""

    amount: Annotated[Number, Field(description="The amount, with `decimals` decimals at most.")]
    weights: Annotated[
        list[Annotated[float, Field(strict=True, ge=0)]],
        Field(min_length=1, max_length=1000, description="A weight for each part; not all zero."),
    ]
    decimals: Annotated[
        int, Field(ge=0, le=6, description="Decimals of the currency: 2 for cents.")
    ] = 2

    @model_validator(mode="after")
    def _someone_gets_it(self) -> Self:
        if not any(self.weights):
            raise ValueError("one of `weights` has to be more than zero")
        return self


class AllocateOutput(Model):
    """Parts of the amount."""

    parts: Annotated[
        list[int | float], Field(description="A part for each weight; together the amount.")
    ]


@action("money.allocate", version=1, kind=ActionKind.PURE)
async def allocate(request: AllocateInput) -> AllocateOutput:
    """An amount in parts by weights, without losing a cent.

    Each part is less than one smallest unit from its exact share; the units left over go to those
    who would lose most, the first of equals first.
    """
    amount = decimals.decimal(request.amount).scaleb(request.decimals, decimals.exact())
    if abs(amount) > MAX_SAFE_INTEGER or amount != amount.to_integral_value():
        raise refused(
            "MONEY_AMOUNT",
            f"`amount` has more than {request.decimals} decimals, or is too large to be exact.",
            "Round it with number.round, or raise `decimals`.",
        )
    weights = [Fraction(decimals.decimal(weight)) for weight in request.weights]
    unit = Fraction(abs(int(amount))) / sum(weights)
    shares = [unit * weight for weight in weights]
    units = [int(share) for share in shares]
    losers = sorted(range(len(shares)), key=lambda index: units[index] - shares[index])
    for index in losers[: abs(int(amount)) - sum(units)]:
        units[index] += 1
    sign = -1 if amount < 0 else 1
    parts = [as_number(Decimal(sign * each).scaleb(-request.decimals)) for each in units]
    return AllocateOutput(parts=parts)


def actions() -> Sequence[Action]:
    """The actions of this family."""
    return [round_number, format_number, parse, allocate]

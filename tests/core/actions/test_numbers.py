"""`number.*` and `money.allocate`: decimal arithmetic."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.actions.answers import answer, refusal


@pytest.mark.parametrize(
    ("value", "decimals", "mode", "text"),
    [
        (2.675, 2, "halfUp", "2.68"),
        (-2.675, 2, "halfUp", "-2.68"),
        (2.665, 2, "halfEven", "2.66"),
        (2.5, 0, "halfUp", "3"),
        (2.5, 0, "halfEven", "2"),
        (2.1, 0, "up", "3"),
        (-2.9, 0, "down", "-2"),
        (-2.1, 0, "floor", "-3"),
        (-2.9, 0, "ceiling", "-2"),
        (1250, -2, "halfUp", "1300"),
        (1250, -2, "halfEven", "1200"),
        (-0.4, 0, "halfUp", "0"),
        (7, 2, "halfUp", "7.00"),
        (1e22, 15, "halfUp", "10000000000000000000000.000000000000000"),
        (5e-324, 15, "up", "0.000000000000001"),
        (49, -15, "halfUp", "0"),
    ],
)
async def test_a_number_is_rounded_as_it_is_written(
    value: float, decimals: int, mode: str, text: str
) -> None:
    """The double behind 2.675 is smaller, which nobody sees; zero has no sign."""
    made = await answer("number.round", value=value, decimals=decimals, mode=mode)
    assert Decimal(made["text"]) == Decimal(text)
    assert decimals < 0 or made["text"] == text
    assert Decimal(repr(made["value"])) == Decimal(repr(float(text)))


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-15, 15))
async def test_a_rounded_number_is_near_and_stays_as_it_is(value: float, decimals: int) -> None:
    """Half a unit away at most; rounding again changes nothing."""
    made = await answer("number.round", value=value, decimals=decimals)
    distance = abs(Fraction(made["text"]) - Fraction(repr(value)))
    assert distance <= Fraction(10) ** -decimals / 2
    again = await answer("number.round", value=made["value"], decimals=decimals)
    assert again["value"] == made["value"]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"value": 1234.5}, "1234.50"),
        ({"value": 1234567.891, "decimalSeparator": ",", "groupSeparator": "."}, "1.234.567,89"),
        ({"value": -1234, "decimals": 0, "groupSeparator": "'"}, "-1'234"),
        ({"value": -0.001}, "0.00"),
        ({"value": 999, "groupSeparator": ","}, "999.00"),
        ({"value": 0.125, "mode": "halfEven"}, "0.12"),
        (
            {"value": 1e15, "decimals": 0, "groupSeparator": "\u202f"},
            "1\u202f000" + "\u202f000" * 4,
        ),
    ],
)
async def test_a_number_is_written(request_: dict[str, Any], text: str) -> None:
    """With the separators that are given, whatever the worker's locale."""
    assert await answer("number.format", **request_) == {"text": text}


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        ({"text": "1234.50"}, 1234.5),
        ({"text": " -1.234,50 ", "decimalSeparator": ",", "groupSeparator": "."}, -1234.5),
        ({"text": "+7"}, 7),
        ({"text": "007"}, 7),
        ({"text": "1 234\u00a0567", "groupSeparator": "\u202f"}, 1234567),
        ({"text": "1234", "groupSeparator": ","}, 1234),
        ({"text": "-0"}, 0),
        ({"text": "9007199254740991"}, 2**53 - 1),
    ],
)
async def test_a_number_is_read(request_: dict[str, Any], value: float) -> None:
    """Groups may be there or not; blanks of all widths are one separator."""
    assert await answer("number.parse", **request_) == {"value": value}


@pytest.mark.parametrize(
    "text",
    ["", " ", "abc", "1,5", "1.2.3", "1e5", "٣", "--1", "1.", ".5", "Infinity", "0x10", "1 000"],
)
async def test_what_is_no_number_is_not_read(text: str) -> None:
    """Nothing is guessed, and the text is not repeated."""
    error = await refusal("number.parse", text=text)
    assert error.error_code == "NUMBER_UNREADABLE"


async def test_groups_have_three_digits() -> None:
    """1.23 is not 123 where the point stands between thousands."""
    for text in ("1.23", "1234.567", "1.234.5", ".123"):
        error = await refusal("number.parse", text=text, decimalSeparator=",", groupSeparator=".")
        assert error.error_code == "NUMBER_UNREADABLE"


async def test_a_number_that_would_lose_digits_is_not_read() -> None:
    """Numbers of accounts are text."""
    error = await refusal("number.parse", text="9007199254740992")
    assert error.error_code == "NUMBER_RANGE"
    assert "900719" not in str(error)


CENTS = st.integers(-(10**12), 10**12)


@given(CENTS)
async def test_what_is_written_is_read_back(cents: int) -> None:
    """With the same separators."""
    value = cents / 100
    marks = {"decimalSeparator": ",", "groupSeparator": "."}
    text = (await answer("number.format", value=value, **marks))["text"]
    assert (await answer("number.parse", text=text, **marks))["value"] == value


@pytest.mark.parametrize(
    ("request_", "parts"),
    [
        ({"amount": 100, "weights": [1, 1, 1]}, [33.34, 33.33, 33.33]),
        ({"amount": -100, "weights": [1, 1, 1]}, [-33.34, -33.33, -33.33]),
        ({"amount": 0.05, "weights": [70, 30]}, [0.04, 0.01]),
        ({"amount": 10, "weights": [0, 1]}, [0, 10]),
        ({"amount": 10, "weights": [1, 2], "decimals": 0}, [3, 7]),
        ({"amount": 0, "weights": [1, 2]}, [0, 0]),
        ({"amount": 0.01, "weights": [0, 1, 1]}, [0, 0.01, 0]),
        ({"amount": 1, "weights": [1e308, 1e-308]}, [1, 0]),
    ],
)
async def test_an_amount_is_split(request_: dict[str, Any], parts: list[float]) -> None:
    """The units left over go to those who would lose most, the first of equals first."""
    assert await answer("money.allocate", **request_) == {"parts": parts}


@given(
    CENTS,
    st.lists(st.integers(0, 10_000) | st.floats(0, 1e6), min_size=1, max_size=30).filter(any),
    st.integers(0, 6),
)
async def test_no_cent_is_lost(units: int, weights: list[float], decimals: int) -> None:
    """Parts add up to the amount; each is less than a unit from its exact share."""
    amount = Decimal(units).scaleb(-decimals)
    made = await answer("money.allocate", amount=float(amount), weights=weights, decimals=decimals)
    parts = [Decimal(repr(part)) for part in made["parts"]]
    assert sum(parts) == amount
    exact = [Fraction(repr(float(weight))) for weight in weights]
    unit = Fraction(10) ** -decimals
    for part, weight in zip(parts, exact, strict=True):
        assert abs(Fraction(part) - Fraction(amount) * weight / sum(exact)) < unit
        assert weight or not part


@pytest.mark.parametrize(
    "request_",
    [
        {"amount": 0.001, "weights": [1]},
        {"amount": 0.5, "weights": [1], "decimals": 0},
        {"amount": 1e15, "weights": [1]},
    ],
)
async def test_an_amount_that_is_not_exact_is_not_split(request_: dict[str, Any]) -> None:
    """Whoever splits it has to say first what it is."""
    assert (await refusal("money.allocate", **request_)).error_code == "MONEY_AMOUNT"


@pytest.mark.parametrize(
    ("action_id", "request_"),
    [
        ("number.round", {}),
        ("number.round", {"value": "1"}),
        ("number.round", {"value": True}),
        ("number.round", {"value": None}),
        ("number.round", {"value": 1, "decimals": 16}),
        ("number.round", {"value": 1, "mode": "nearest"}),
        ("number.format", {"value": 1, "decimalSeparator": ""}),
        ("number.format", {"value": 1, "decimalSeparator": "5"}),
        ("number.format", {"value": 1, "groupSeparator": "."}),
        ("number.parse", {"text": 5}),
        ("number.parse", {"text": "1" * 101}),
        ("money.allocate", {"amount": 1, "weights": []}),
        ("money.allocate", {"amount": 1, "weights": [0, 0]}),
        ("money.allocate", {"amount": 1, "weights": [-1, 2]}),
        ("money.allocate", {"amount": 1, "weights": ["1"]}),
        ("money.allocate", {"amount": "1", "weights": [1]}),
    ],
)
async def test_other_input_is_refused(action_id: str, request_: dict[str, Any]) -> None:
    """Types and bounds are those of the schemas."""
    assert (await refusal(action_id, **request_)).error_code == "ACTION_INPUT_INVALID"

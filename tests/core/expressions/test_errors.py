"""How an expression's error says what happened, where, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alga_workflows_core.errors import AlgaError
from alga_workflows_core.expressions.engine import (
    ExpressionError,
    ExpressionTimeout,
    Sources,
    check_syntax,
    evaluate,
)

SOURCES = Sources(now=lambda: datetime(2026, 3, 1, tzinfo=UTC), random=lambda: 0.5)


@pytest.mark.parametrize(
    ("text", "code", "engine_code"),
    [
        ("payload.", "EXPRESSION_SYNTAX", "S0207"),
        ("", "EXPRESSION_SYNTAX", "S0207"),
        ("'open", "EXPRESSION_SYNTAX", "S0101"),
        ("payload.x := 1", "EXPRESSION_SYNTAX", "S0212"),
        ("'a' + 1", "EXPRESSION_TYPE", "T2001"),
        ("$sum('a')", "EXPRESSION_TYPE", "T0412"),
        ("1 ~> 2", "EXPRESSION_TYPE", "T2006"),
        ("$nothing(1)", "EXPRESSION_UNKNOWN_FUNCTION", "T1006"),
        ("count(1)", "EXPRESSION_UNKNOWN_FUNCTION", None),
        ("$number('x')", "EXPRESSION_FAILED", "D3030"),
        ("$error('no stock')", "EXPRESSION_FAILED", "D3137"),
        ("$assert(false, 'no stock')", "EXPRESSION_FAILED", "D3141"),
        ("$match('a', /a(?=b)/)", "EXPRESSION_FAILED", None),
    ],
)
def test_an_error_has_our_code_and_the_engines(
    text: str, code: str, engine_code: str | None
) -> None:
    """The code is ours and stable; the engine's own one and the expression are details."""
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, {"payload": {}}, SOURCES)
    error = caught.value
    assert isinstance(error, AlgaError)
    assert error.error_code == code
    assert error.expression == text
    assert error.details["expression"] == text
    if engine_code is not None:
        assert error.engine_code == error.details["engineCode"] == engine_code
    assert error.message
    assert error.remedy


def test_an_author_reads_his_own_message() -> None:
    """What `$error` is given is in the message."""
    with pytest.raises(ExpressionError, match="no stock"):
        evaluate("$error('no stock')", {}, SOURCES)


def test_a_long_expression_is_cut() -> None:
    """An error shows at most 200 characters of its expression."""
    error = check_syntax("x" * 5000 + "(")
    assert error is not None
    assert len(error.expression) == 200
    assert error.expression.endswith("…")
    assert len(str(error)) < 700


def test_half_a_surrogate_pair_has_a_position() -> None:
    """Text that is no text is a syntax error at its place."""
    error = check_syntax("'a\ud800'")
    assert error is not None
    assert error.error_code == "EXPRESSION_SYNTAX"
    assert error.position == error.details["position"] == 2
    assert str(error).encode()


@pytest.mark.parametrize("text", ["payload.x", "$nothing(1)", "1 +\n 2", "$eval('1')"])
def test_syntax_is_all_that_is_checked_before(text: str) -> None:
    """Names and functions are looked up when the expression runs."""
    assert check_syntax(text) is None


def test_a_timeout_is_told_from_what_may_be_caught() -> None:
    """The class tells an error that depends on wall time from all others."""
    assert issubclass(ExpressionTimeout, ExpressionError)
    assert ExpressionTimeout("x", expression="y").error_code == "EXPRESSION_TIMEOUT"
    with pytest.raises(ExpressionError) as caught:
        evaluate("1 + 'a'", {}, SOURCES)
    assert not isinstance(caught.value, ExpressionTimeout)

"""What an action says about its failure is kept as far as an error may be large."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.sizes import MAX_ERROR_BYTES, encoded_size
from alga_workflows_core.types.json import JsonObject
from tests.core.interpreter.world import World, call, walk

OMITTED: JsonObject = {"omitted": "The details are too large for an error."}
LONG = "x" * MAX_ERROR_BYTES
SMALL: JsonObject = {"n": 1}
LARGE: JsonObject = {"text": LONG}


def error(
    message: str = "Bad.", details: JsonObject | None = None, cause: ErrorInfo | None = None
) -> ErrorInfo:
    """How an action fails."""
    return ErrorInfo(
        code="BAD", category=Category.ACTION, message=message, details=details, cause=cause
    )


@pytest.mark.parametrize(
    ("fails", "message", "details", "has_cause"),
    [
        (error(details=SMALL, cause=error()), "Bad.", SMALL, True),
        (error(details=LARGE, cause=error()), "Bad.", OMITTED, True),
        (error(details=SMALL, cause=error(details=LARGE)), "Bad.", OMITTED, False),
        (error(LONG, SMALL, error()), f"{LONG[:1000]}…", OMITTED, False),
    ],
    ids=["small", "large details", "large cause", "long message"],
)
async def test_an_error_is_bounded(
    fails: ErrorInfo, message: str, details: JsonObject, has_cause: bool
) -> None:
    """Its details are left out first, then its cause, then its message is cut; its code stays."""

    def perform(_: dict[str, Any]) -> None:
        raise StepError(fails)

    finished, _ = await walk([call("pay", "pay", {})], world=World({"pay": perform}))
    found = finished.error
    assert found is not None
    assert (found.code, found.message, found.details, found.step) == (
        "BAD",
        message,
        details,
        "pay",
    )
    assert (found.cause == error()) is has_cause
    assert has_cause or found.cause is None
    assert encoded_size(found.as_json()) <= MAX_ERROR_BYTES

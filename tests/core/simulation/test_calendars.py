"""The calendars of a script."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.simulation.script import Script
from tests.core.simulation.pages import page


def test_the_calendar_in_the_page_is_one() -> None:
    """The example of `docs/steps/README.md`."""
    (shown,) = page("steps/README.md").blocks("yaml")
    script = Script.model_validate(shown)
    calendar = parse_calendar(script.calendars["support-hours"])
    assert [len(calendar.hours_of(date(2030, 12, day))) for day in (23, 24, 25, 28)] == [2, 1, 0, 1]


@pytest.mark.parametrize(
    ("calendars", "place", "message"),
    [
        ({"default": {}}, ("calendars", "default"), "the member 'zone' is missing"),
        (
            {"desk": {"zone": "UTC", "weekly": {"monday": ["8-12"]}}},
            ("calendars", "desk"),
            "weekly.monday[0]: hours are written as in 08:00-17:00",
        ),
        ({"Support hours": {"zone": "UTC"}}, ("calendars", "Support hours", "[key]"), "pattern"),
    ],
)
def test_a_calendar_that_is_none_is_refused_with_its_place(
    calendars: dict[str, Any], place: tuple[str, ...], message: str
) -> None:
    """When the script is read, before anything runs."""
    with pytest.raises(ValidationError) as caught:
        Script.model_validate({"calendars": calendars})
    (fault,) = caught.value.errors()
    assert fault["loc"] == place
    assert message in fault["msg"]

"""Schedules as people write them: what is taken, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.types import faults
from tests.core.schedules.documents import schedule, written

ONCE = {"kind": "once", "at": "2027-01-01T08:00:00"}


def test_what_is_left_out_has_its_default() -> None:
    """In UTC, overlapping, an hour to catch up, no jitter, an empty payload."""
    found = schedule("0 8 * * *")
    assert (found.zone, found.overlap, found.version, found.calendar) == (
        "UTC",
        "allow",
        None,
        None,
    )
    assert (found.catch_up_time, found.jitter_time) == (timedelta(hours=1), timedelta())
    assert found.payload == {}


def test_a_time_without_an_offset_is_in_the_zone() -> None:
    """One with an offset is what it is."""
    here = schedule(ONCE, zone="Europe/Vienna").times()
    there = schedule({"kind": "once", "at": "2027-01-01T08:00:00+05:00"}).times()
    assert here.includes(datetime(2027, 1, 1, 7, tzinfo=UTC))
    assert there.includes(datetime(2027, 1, 1, 3, tzinfo=UTC))


def test_bounds_are_moments_of_the_zone_too() -> None:
    """Both are included."""
    found = schedule(
        "0 8 * * *",
        zone="Europe/Vienna",
        startsAt="2027-01-02T08:00:00",
        endsAt="2027-01-03T08:00:00",
    )
    times = list(found.times().after(datetime(2027, 1, 1, tzinfo=UTC)))
    assert times == [datetime(2027, 1, day, 7, tzinfo=UTC) for day in (2, 3)]


@pytest.mark.parametrize(
    ("members", "place", "sentence"),
    [
        ({"when": {"kind": "cron", "cron": "0 0 30 2 *"}}, "when.cron.cron", "No month"),
        ({"when": {"kind": "daily"}}, "when", "has to be one of"),
        ({"when": {"kind": "interval", "every": "P2D"}}, "when.interval.every", "48 hours are"),
        ({"when": {"kind": "interval", "every": "P1M"}}, "when.interval.every", "48 hours are"),
        ({"when": {"kind": "interval", "every": "PT0.5S"}}, "when.interval.every", "whole seconds"),
        ({"when": {"kind": "interval", "every": "PT0S"}}, "when.interval.every", "one second"),
        ({"when": {"kind": "interval", "every": "PT9000H"}}, "when.interval.every", "366 days"),
        ({"when": {"kind": "interval", "every": "soon"}}, "when.interval.every", "P30D"),
        ({"when": {"kind": "once", "at": "tomorrow"}}, "when.once.at", "2026-12-24T18:00:00"),
        ({"when": {**ONCE, "at": "2027-01-01T08:00:00.5Z"}}, "when.once.at", "whole second"),
        ({"when": {**ONCE, "at": "1800-01-01T08:00:00"}}, "when.once.at", "years 1971"),
        ({"zone": "Vienna"}, "zone", "is no time zone"),
        ({"zone": "+02:00"}, "zone", "is no time zone"),
        ({"catchUp": "PT1S"}, "catchUp", "from 10 seconds"),
        ({"catchUp": "P2Y"}, "catchUp", "no fixed length"),
        ({"jitter": "PT25H"}, "jitter", "a day at most"),
        ({"overlap": "cancel"}, "overlap", "It has to be"),
        ({"version": 0}, "version", "1 or more"),
        ({"definition": "No Id"}, "definition", "lower-case"),
        ({"name": "two\nlines"}, "name", "control"),
        ({"calendar": {"calendar": "office"}}, "calendar.only", "missing"),
        ({"calendar": {"calendar": "office", "only": "never"}}, "calendar.only", "working"),
        ({"timezone": "UTC"}, "timezone", "There is no field"),
        ({"zone": None}, "", "left out instead of null"),
        ({"startsAt": "2027-02-01T00:00:00", "endsAt": "2027-01-01T00:00:00"}, "", "later than"),
        (
            {"when": {"kind": "interval", "every": "PT1M"}, "jitter": "PT1M"},
            "",
            "shorter than the interval",
        ),
    ],
)
def test_a_fault_is_told_in_words_and_with_its_place(
    members: dict[str, Any], place: str, sentence: str
) -> None:
    """Nothing is guessed and nothing is ignored."""
    document = {**written("0 8 * * *"), **members}
    with pytest.raises(ValidationError) as refused:
        ScheduleDocument.model_validate(document, strict=True)
    fault: Any = refused.value.errors(include_url=False)[0]
    assert ".".join(map(str, fault["loc"])) == place
    assert sentence in faults.sentence(fault)

"""Open time of clocks: forth and back, over changes of the clocks on the wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_temporal_domain.sla.clock import Hours, elapsed, need, settled
from alga_temporal_domain.sla.names import CHANGE, RECORD_ACTIVITY, STATE_QUERY, WORKFLOW
from alga_temporal_domain.sla.names import workflow_id as id_of
from alga_temporal_domain.sla.spans import read_span, write_span
from tests.core.calendars.test_business import worlds
from tests.domain.sla.items import begun, spec


@given(world=worlds(), data=st.data())
@settings(deadline=None, max_examples=50)
def test_add_and_elapsed_are_exact_inverses(
    world: tuple[dict[str, Any], date, int], data: st.DataObject
) -> None:
    """To the microsecond, near a change of clocks, in one piece and in many segments."""
    document, first, days = world
    hours, (clock,) = Hours(document), begun(spec()).clocks
    fine = st.timedeltas(timedelta(), timedelta(days=days))
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) + data.draw(fine)
    span = data.draw(fine)
    end = hours.after(clock, start, span)
    if end is None:
        return
    assert hours.between(clock, start, end) == span
    clock = clock.model_copy(update={"at": start})
    cuts = sorted(data.draw(st.lists(fine, max_size=6)))
    for cut in cuts:
        if start + cut < end:
            clock = settled(clock, hours, start + cut)
    assert elapsed(clock, hours, end) == span
    if clock.spent < span:
        assert hours.after(clock, clock.at, span - clock.spent) == end


@given(
    target=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    percent=st.integers(1, 1000),
)
def test_a_percent_is_reached_at_its_first_microsecond(target: timedelta, percent: int) -> None:
    """Not before, whatever the target."""
    (clock,) = begun(spec(target=target)).clocks
    found = need(clock, percent)
    assert found * 100 >= target * percent
    assert (found - timedelta.resolution) * 100 < target * percent


@given(st.timedeltas(timedelta(), timedelta(days=4000)))
def test_lengths_are_read_as_they_are_written(span: timedelta) -> None:
    """In hours, minutes and seconds."""
    assert read_span(write_span(span)) == span


def test_a_day_is_no_length_of_open_time() -> None:
    """Nobody can tell how long it would be."""
    assert write_span(timedelta(days=2)) == "PT48H"
    with pytest.raises(ValueError, match="hours"):
        read_span("P2D")


def test_names_that_other_programs_know() -> None:
    """They stay as they are."""
    assert (WORKFLOW, STATE_QUERY, CHANGE) == ("slaTicketWorkflow", "getState", "change")
    assert RECORD_ACTIVITY == "recordSlaChanges"
    assert id_of("acme", "4711") == "sla-ticket-acme-4711"

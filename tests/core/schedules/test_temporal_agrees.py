"""Temporal fires when the preview says, over every change of clocks of the coming year."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.schedules.document import ScheduleDocument
from alga_workflows_core.schedules.preview import preview
from alga_workflows_core.schedules.times import offset_at
from alga_workflows_core.schedules.wanted import wanted_schedule
from alga_workflows_core.temporal.names import schedule_id
from alga_workflows_core.temporal.schedules import TemporalSchedules
from tests.core.schedules.documents import schedule
from tests.services.command import eventually

T = TypeVar("T")

ZONES = (
    "Europe/Vienna",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Cairo",
    "Asia/Kolkata",
)
CRONS = (
    "30 2 * * *",
    "15 0 * * *",
    "*/15 * * * *",
    "*/20 0-3 * * *",
    "45 1,23 * * SUN",
    "0 9 1,15 * *",
    "30 8 * * MON-FRI",
    "0 3 13 * FRI",
)
TENANT = "acme"
HOUR = timedelta(hours=1)


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What the server answers: on a busy machine it may take longer than a service waits for it,
    which then asks again."""

    async def look() -> tuple[T] | None:
        try:
            return (await ask(),)
        except UnavailableError:
            return None

    return (await eventually(look, "an answer of Temporal", seconds=60))[0]


def shifts(zone: str, start: datetime) -> Iterator[datetime]:
    """The hours of the year from `start` on in which the clocks of a zone are changed."""
    clock = ZoneInfo(zone)
    for number in range(365 * 24):
        at = start + number * HOUR
        if offset_at(at, clock) != offset_at(at + HOUR, clock):
            yield at


async def matching(client: Client, name: str, start: datetime, end: datetime) -> list[datetime]:
    """When Temporal would fire, by its own word."""
    moments = [Timestamp(), Timestamp()]
    for moment, at in zip(moments, (start, end), strict=True):
        moment.FromDatetime(at)
    answer = await client.workflow_service.list_schedule_matching_times(
        ListScheduleMatchingTimesRequest(
            namespace=client.namespace,
            schedule_id=schedule_id(TENANT, name),
            start_time=moments[0],
            end_time=moments[1],
        )
    )
    return [each.ToDatetime(tzinfo=UTC) for each in answer.start_time]


def previewed(document: ScheduleDocument, start: datetime, end: datetime) -> list[datetime]:
    """When the preview says that it runs."""
    found = (line.at.astimezone(UTC) for line in preview(document, None, start, 500))
    return list(takewhile(lambda at: at <= end, found))


async def check(client: Client, name: str, document: ScheduleDocument) -> int:
    """Hold preview and server against each other; how many moments were compared."""
    schedules, now = TemporalSchedules(client), datetime.now(UTC).replace(microsecond=0)
    # In the middle of a minute: the server takes the beginning of a span out of it, we do not.
    now -= timedelta(seconds=(now.second - 30) % 60)
    wanted = wanted_schedule(TENANT, name, document, paused=False, now=now)
    await answered(lambda: schedules.converge(wanted))
    compared = 0
    for shift in shifts(document.zone, now):
        start, end = shift - 36 * HOUR, shift + 36 * HOUR
        expected = previewed(document, max(start, now), end)
        assert await matching(client, name, max(start, now), end) == expected, (document, shift)
        compared += len(expected)
    told = await answered(lambda: schedules.next_times(TENANT, name))
    assert told is not None
    assert list(told) == list(islice(document.times().after(told[0] - timedelta(seconds=1)), 10))
    assert previewed(document, now, told[0])[-1] == told[0]
    return compared + len(told)


async def test_the_server_fires_at_the_moments_of_the_preview(temporal_client: Client) -> None:
    """Ten zones and one without changes: gaps and folds of an hour and of half of one, at night
    and at midnight; what is daily, hourly, weekly, monthly."""
    for zone in ZONES:
        documents = [schedule(cron, zone=zone) for cron in CRONS]
        names = [f"{zone.rpartition('/')[2].lower()}-{number}" for number in range(len(CRONS))]
        # One after the other: on a busy machine the server takes its time for each.
        compared = [
            await check(temporal_client, name, document)
            for name, document in zip(names, documents, strict=True)
        ]
        assert sum(compared) >= (80 if zone == "Asia/Kolkata" else 700)


async def test_the_server_agrees_on_intervals_single_times_and_bounds(
    temporal_client: Client,
) -> None:
    """The anchor is one of the times, bounds are included, a time that is over is over."""
    begin = (datetime.now(UTC) + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    end = begin + timedelta(hours=4)
    cases: dict[str, Any] = {
        "every": schedule({"kind": "interval", "every": "PT7M3S", "anchor": begin.isoformat()}),
        "yearly": schedule({"kind": "interval", "every": "PT8784H", "anchor": begin.isoformat()}),
        "once": schedule({"kind": "once", "at": (begin + timedelta(seconds=61)).isoformat()}),
        "cron": schedule("0 * * * *"),
        "bounded": schedule(
            "0 * * * *",
            startsAt=(begin + HOUR).isoformat(),
            endsAt=(begin + 3 * HOUR).isoformat(),
        ),
    }
    counts: dict[str, int] = {}
    for name, document in cases.items():
        wanted = wanted_schedule(TENANT, name, document, paused=False, now=begin)
        await TemporalSchedules(temporal_client).converge(wanted)
        found = await matching(temporal_client, name, begin - timedelta(seconds=1), end)
        assert found == previewed(document, begin - timedelta(seconds=1), end), name
        counts[name] = len(found)
    assert counts == {"every": 35, "yearly": 1, "once": 1, "cron": 5, "bounded": 3}

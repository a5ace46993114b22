"""The rows of the steps that wait: for a time, for events, for people."""

from __future__ import annotations

from typing import Any

from alga_workflows_core.validation.findings import Code
from tests.core.definition.rows import (
    Example,
    Row,
    anything,
    assignments,
    choice,
    duration,
    milliseconds,
    names,
    no,
    pattern,
    record,
    step,
    whole,
    words,
    working_time,
)
from tests.core.definition.rows_of_calls import kind, part
from tests.core.definition.rows_of_control import several
from tests.core.definition.rows_of_documents import EVENT_NAME, FILTER

EVENT = {"eventName": "A"}
TASK: dict[str, Any] = {"taskType": "approval", "title": "Approve", "form": {}}


def _tagged(good: dict[str, Any]) -> Row:
    """The config of a `time.wait`, which says with `mode` what it is."""
    return Row(
        takes=[good],
        refuses=[
            no({}, "The field 'mode' is missing", code=Code.FIELD_MISSING, below="/mode"),
            no({**good, "mode": "month"}, "There is no mode 'month'", below="/mode"),
            no({**good, "mode": 5}, "There is no mode '5'", below="/mode"),
            no([], "It has to be an object"),
            no("P1D", "It has to be an object"),
        ],
    )


def _mode(name: str) -> Row:
    return Row(
        takes=[name],
        refuses=[no(it, f"There is no mode '{it}'") for it in ("", name.upper(), "other")],
    )


def _moment() -> Row:
    says = "It has to be a time as in 2026-12-24T18:00:00+01:00, or an expression"
    no_text: list[Any] = [5, [], {}, True, None]
    no_time = [
        *("", "T", "tomorrow", "2026-12-24", "18:00", "2026-12-24 18:00", "2026-12-24t18:00"),
        *("2026-13-01T00:00", "2026-02-29T00:00", "0000-01-01T00:00", "2026-12-24T24:00"),
        *("2026-12-24T18", "2026-12-24T18:60", "2026-12-24T18:00:60", "20261224T180000"),
        *("2026-W52-4T18:00", "2026-12-24T18:00+0100", "2026-12-24T18:00+24:00"),
        *("2026-12-24T18:00z", "2026-12-24T18:00:00.1234567Z", "2026-12-24T18:00\n"),
    ]
    return Row(
        takes=[
            *("2026-12-24T18:00:00+01:00", "2026-12-24T18:00:00Z", "2026-12-24T18:00:00"),
            *("2028-02-29T23:59", "2026-12-24T18:00:00.5-05:30", "0001-01-01T00:00:00"),
            {"$expr": "payload.dueAt"},
        ],
        refuses=[no(it, says) for it in (*no_time, *no_text)],
    )


def _deadline() -> dict[str, Row]:
    nothing = "It never happens: there is no 'timeout'"
    return {
        "timeout": duration(),
        "timeoutMs": milliseconds(
            refuses=[no(1, "Give either 'timeout' or 'timeoutMs'", timeout="PT1S")]
        ),
        "onTimeout": choice(
            "fail",
            "continue",
            default="fail",
            beside={"timeout": "P1D"},
            refuses=[no("fail", nothing, timeout=...), no("continue", nothing, timeout=...)],
        ),
    }


def _event_match() -> dict[str, Row]:
    return {
        "eventName": EVENT_NAME,
        "correlationKey": anything(default=None),
        "filters": Row(
            takes=[[], [FILTER], [{**FILTER, "value": {"$expr": "payload.a"}}] * 50],
            refuses=[
                no([FILTER] * 51, "50 entries at most"),
                no(FILTER, "It has to be a list"),
                no([5], "It has to be an object", below="/0"),
            ],
            default=[],
        ),
        "lookback": duration(),
        "assign": assignments(default=None),
    }


WAITS = {
    "TimeWaitStep": Example(
        document=step("time.wait", config={"mode": "duration", "duration": "P1D"}),
        where="/steps/0",
        rows={
            "type": kind("time.wait"),
            "config": _tagged({"mode": "duration", "duration": "P1D"}),
        },
    ),
    "WaitDuration": Example(
        document=step("time.wait", config={"mode": "duration", "duration": "P1D"}),
        where="/steps/0/config",
        rows={
            "mode": _mode("duration"),
            "duration": duration(
                beside={"durationMs": ...},
                default=...,
                refuses=[no(..., "The field 'duration' is missing", code=Code.FIELD_MISSING)],
            ),
            "durationMs": milliseconds(
                beside={"duration": ...},
                refuses=[no(1, "Give either 'duration' or 'durationMs'", duration="PT1S")],
            ),
        },
    ),
    "WaitUntil": Example(
        document=step("time.wait", config={"mode": "until", "until": "2026-12-24T18:00:00Z"}),
        where="/steps/0/config",
        rows={"mode": _mode("until"), "until": _moment()},
    ),
    "WaitBusinessTime": Example(
        document=step("time.wait", config={"mode": "businessTime", "duration": "PT4H"}),
        where="/steps/0/config",
        rows={
            "mode": _mode("businessTime"),
            "duration": working_time(),
            "calendar": Row(
                takes=["support-hours", "a", "9" * 128],
                refuses=[
                    *(
                        no(it, "It has to be 1 to 128 lower-case letters, digits, dots")
                        for it in ("", "Support", "a b", "-a", "a" * 129)
                    ),
                    no(5, "It has to be text"),
                    no({"$expr": "'a'"}, "It has to be text"),
                ],
                default=None,
            ),
        },
    ),
    "EventWaitStep": Example(
        document=step("event.wait", config=EVENT),
        where="/steps/0",
        rows={
            "type": kind("event.wait"),
            "config": part(EVENT),
        },
    ),
    "WaitOne": Example(
        document=step("event.wait", config=EVENT),
        where="/steps/0/config",
        rows={**_event_match(), **_deadline()},
    ),
    "WaitAny": Example(
        document=step("event.wait", config={"any": [EVENT]}),
        where="/steps/0/config",
        rows={"any": several(EVENT, 20, missed="eventName"), **_deadline()},
    ),
    "WaitAll": Example(
        document=step("event.wait", config={"all": [EVENT]}),
        where="/steps/0/config",
        rows={"all": several(EVENT, 20, missed="eventName"), **_deadline()},
    ),
    "EventMatch": Example(
        document=step("event.wait", config={"any": [EVENT]}),
        where="/steps/0/config/any/0",
        rows=_event_match(),
    ),
    "TaskStep": Example(
        document=step("human.task", config=TASK),
        where="/steps/0",
        rows={"type": kind("human.task"), "config": part(TASK)},
    ),
    "TaskConfig": Example(
        document=step("human.task", config=TASK),
        where="/steps/0/config",
        rows={
            "taskType": pattern(
                128,
                *("approval", "Four-eyes", "a.b_c"),
                bad=["1a", ".a", "a/b"],
                says="It has to be 1 to 128 letters, digits, dots, - and _, a letter first",
            ),
            "title": words(200, line=True),
            "description": words(2000, line=False, default=None),
            "form": record(),
            "assignees": names(),
            "candidateGroups": names(),
            "dueIn": duration(),
            "remindEvery": duration(),
            "escalateTo": names(
                beside={"dueIn": "P1D"},
                refuses=[no(["a"], "It is never overdue: there is no 'dueIn'", dueIn=...)],
            ),
            "quorum": whole(1, 100, default=None),
            "assign": assignments(default=None),
            **_deadline(),
        },
    ),
}
"""Examples of the steps that wait, and of their parts, by the model's name."""

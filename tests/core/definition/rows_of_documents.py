"""The rows of the document itself, its trigger and its concurrency, and of what every step has."""

from __future__ import annotations

from typing import Any

from alga_workflows_core.definition.events import FilterOp
from alga_workflows_core.validation.findings import Code
from tests.core.definition.rows import (
    REQUIRED,
    Example,
    Row,
    anything,
    block,
    choice,
    document,
    duration_text,
    mapping,
    milliseconds,
    no,
    pattern,
    record,
    text,
    whole,
)

EVENT = {"type": "event", "eventName": "A"}
FILTER = {"path": "source", "op": "=", "value": "x"}

DEFINITION = pattern(
    128,
    *("0", "ticket-triage", "a.b_c-d"),
    bad=["A", "-a", "a/b"],
    says="It has to be 1 to 128 lower-case letters, digits, dots, - and _",
)
EVENT_NAME = pattern(
    200,
    *("TICKET_CREATED", "com.example/ticket:created-1"),
    bad=["1A", "_A", "A*"],
    says="It has to be 1 to 200 letters, digits and any of . : / - _, a letter first",
)
EVENT_PATHS = [
    *("payload", "payload.a", "payload.a-b.$c._d", "source", "id", "name", "time"),
    "correlationKey",
]


def _event_path() -> Row:
    bad = ("", "a", "event.payload", "payload.", "payload..a", "payload.1", "payload.a[0]", "data")
    return Row(
        takes=EVENT_PATHS,
        refuses=[
            *(no(it, "It has to be a path into the event as in payload.priority") for it in bad),
            no(5, "It has to be text"),
        ],
    )


def _operand() -> Row:
    missing = {"code": Code.FIELD_MISSING}
    return Row(
        takes=["x", 0, False, None, ["a", None], {"a": 1}, {}],
        refuses=[
            no("x", "`exists` compares with nothing", op="exists"),
            no(None, "`not_exists` compares with nothing", op="not_exists"),
            no(..., "The field 'value' is missing", op="=", **missing),
            no(..., "The field 'value' is missing", op="not_in", **missing),
        ],
        missed="value",
    )


def _zone() -> Row:
    says = "is no time zone; they are named as in Europe/Vienna"
    return Row(
        takes=["UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires"],
        refuses=[
            *(no(it, says) for it in ("", "Vienna", "europe/vienna", "+01:00", "../UTC", "x" * 99)),
            no(1, "It has to be text"),
        ],
        default="UTC",
    )


def _operator() -> Row:
    listed: list[Any] = [op for op in FilterOp.__args__ if op not in {"exists", "not_exists"}]
    return Row(
        takes=listed,
        refuses=[no(it, "It has to be '=', '!='") for it in ("", "==", "EXISTS", "<>", 5, None)],
    )


DOCUMENTS = {
    "Definition": Example(
        document=document(),
        where="",
        rows={
            "id": DEFINITION,
            "name": text(1, 200),
            "description": Row(
                takes=["", "Two\nlines", "x" * 10_000],
                refuses=[no("x" * 10_001, "10000 characters at most"), no(5, "It has to be text")],
                default=None,
            ),
            "payloadSchema": record(default=None),
            "payloadSchemaRef": Row(
                takes=EVENT_NAME.takes,
                refuses=[
                    *EVENT_NAME.refuses,
                    no("A", "Give either 'payloadSchema' or 'payloadSchemaRef'", payloadSchema={}),
                ],
                default=None,
            ),
            "resultSchema": record(default=None),
            "timeout": duration_text(),
            "timeoutMs": milliseconds(
                refuses=[no(1, "Give either 'timeout' or 'timeoutMs'", timeout="P1D")]
            ),
            "zone": _zone(),
            "concurrency": Row(
                takes=[{"limit": 1}],
                refuses=[
                    no(3, "It has to be an object"),
                    no({}, "The field 'limit' is missing", code=Code.FIELD_MISSING, below="/limit"),
                ],
                default=None,
            ),
            "trigger": Row(
                takes=[EVENT],
                refuses=[
                    no([EVENT], "It has to be an object"),
                    no("event", "It has to be an object"),
                ],
                default=None,
            ),
            "steps": block(),
        },
    ),
    "Concurrency": Example(
        document=document(concurrency={"limit": 1}),
        where="/concurrency",
        rows={
            "key": anything(default=None),
            "limit": whole(1, 10_000),
            "onLimit": choice("queue", "reject", "cancelOldest", default="queue"),
        },
    ),
    "Trigger": Example(
        document=document(trigger=EVENT),
        where="/trigger",
        rows={
            "type": choice("event"),
            "eventName": EVENT_NAME,
            "filters": Row(
                takes=[[], [FILTER], [FILTER] * 50],
                refuses=[
                    no([FILTER] * 51, "50 entries at most"),
                    no(FILTER, "It has to be a list"),
                    no(["source"], "It has to be an object", below="/0"),
                ],
                default=[],
            ),
            "payloadMapping": mapping(default=None),
        },
    ),
    "EventFilter": Example(
        document=document(trigger={**EVENT, "filters": [FILTER]}),
        where="/trigger/filters/0",
        rows={"path": _event_path(), "op": _operator(), "value": _operand()},
    ),
    "EventFilter without value": Example(
        document=document(trigger={**EVENT, "filters": [{"path": "id", "op": "exists"}]}),
        where="/trigger/filters/0",
        rows={
            "op": Row(
                takes=["exists", "not_exists"],
                refuses=[
                    no(
                        "contains",
                        "The field 'value' is missing",
                        code=Code.FIELD_MISSING,
                        at="value",
                    )
                ],
            ),
        },
    ),
    "StepBase": Example(
        document=document(),
        where="/steps/0",
        rows={
            "id": pattern(
                64,
                *("A", "a-b_c", "a1"),
                bad=["1a", "-a", "a.b", "a/b"],
                says="It has to be 1 to 64 letters, digits, - and _, a letter first",
            ),
            "name": Row(takes=text(1, 200).takes, refuses=text(1, 200).refuses, default=None),
            "type": Row(
                takes=["control.return"],
                refuses=[
                    *(
                        no(it, f"There is no step type '{it}'", code=Code.STEP_TYPE_UNKNOWN)
                        for it in ("", "return", "Control.return", "control.goto", 5)
                    ),
                ],
                default=REQUIRED,
            ),
        },
    ),
}
"""Examples of the parts outside the steps, and of a step, by the model's name."""

"""What is handed over fits who takes it, as far as that is certain; nothing else is said."""

from __future__ import annotations

from typing import Any

import pytest

from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.findings import Severity
from alga_workflows_core.validation.validate import validate
from tests.core.validation.world import record

TEXT: dict[str, Any] = {"type": "string"}
ADDRESS = record({"street": TEXT}, zip={"type": "string", "pattern": "^[0-9]{4,5}$"})
TAKES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": TEXT,
        "count": {"type": "integer", "minimum": 1},
        "share": {"type": "number"},
        "flag": {"type": "boolean"},
        "level": {"enum": ["low", "high"]},
        "tags": {"type": "array", "items": TEXT, "maxItems": 3},
        "address": {"$ref": "#/$defs/address"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "place": {"anyOf": [{"$ref": "#/$defs/address"}, {"type": "null"}]},
        "pair": {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "items": False},
        "any": {},
        "either": {"oneOf": [record({"a": TEXT}), record({"b": TEXT})]},
        "code": {"allOf": [TEXT, {"maxLength": 2}]},
    },
    "additionalProperties": False,
    "$defs": {"address": ADDRESS},
}
GIVES = record(
    {"text": TEXT, "count": {"type": "integer"}, "rows": {"type": "array", "items": ADDRESS}},
    place={"anyOf": [ADDRESS, {"type": "null"}]},
    any={},
)
PAYLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": TEXT,
        "count": {"type": "integer"},
        "level": {"enum": ["low", "high", "top"]},
        "loud": {"enum": ["LOUD"]},
        "people": {"type": "array", "items": {"type": "object", "properties": {"name": TEXT}}},
        "names": {"type": "array", "items": TEXT},
        "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        "first name": TEXT,
        "open": {},
        "either": {"type": ["string", "integer"]},
        "nested": {"properties": {"text": TEXT}},
    },
    "required": ["text"],
}


def spec(name: str) -> ActionSpec:
    return ActionSpec(
        id=name,
        version=1,
        kind=ActionKind.IDEMPOTENT,
        queue="q",
        description=name,
        input_schema=TAKES,
        output_schema=GIVES,
    )


CATALOGUE = Catalogue(
    actions={("take", 1): spec("take")},
    workflows={},
    events={"CAME": record({"id": TEXT, "seats": {"type": "integer"}})},
)


def call(name: str, inputs: Any, **config: Any) -> dict[str, Any]:
    """A step that calls the action."""
    config = {"actionId": "take", "version": 1, "inputMapping": inputs, **config}
    return {"id": name, "type": "action.call", "config": config}


def assign(name: str, **values: Any) -> dict[str, Any]:
    """A step that sets variables; `__` in a name is a dot."""
    assigned = {f"vars.{key.replace('__', '.')}": value for key, value in values.items()}
    return {"id": name, "type": "transform.assign", "config": {"assign": assigned}}


def told(*steps: dict[str, Any], **members: Any) -> list[str]:
    """`CODE at /path` of each finding about inputs."""
    document = {"id": "a", "name": "A", "payloadSchema": PAYLOAD, "steps": list(steps), **members}
    validated = validate(document, CATALOGUE)
    assert validated.definition is not None, validated.findings
    for found in validated.findings:
        assert len(found.message) < 300
        assert (found.severity is Severity.WARNING) == (
            found.code.endswith("_TYPE") or "INPUT" not in found.code
        )
    return [
        f"{found.code.removeprefix('ACTION_INPUT_')} at {found.path}"
        for found in validated.findings
        if found.code.startswith("ACTION_INPUT")
    ]


HERE = "/steps/0/config/inputMapping"
EXPR = {"$expr": "payload.open"}


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"text": "", "count": 1, "share": 1, "flag": False, "level": "low", "tags": []},
        {"count": 5.0, "share": 2.5, "maybe": None, "any": None, "code": "ab", "pair": ["a", 1]},
        {"maybe": 3, "place": None, "any": {"x": [1]}, "either": {"a": "x"}, "pair": []},
        {"address": {"street": "Main"}, "place": {"street": "Main", "zip": "12345"}},
        {"address": {"street": EXPR, "zip": "1234"}, "tags": [EXPR, "a"], "pair": [EXPR, EXPR]},
        {"either": {"a": EXPR}, "any": {"x": EXPR, "y": {"$secret": "KEY"}}, "place": EXPR},
        {"either": {"c": EXPR}},
        {"text": {"$secret": "KEY"}, "address": {"street": {"$secret": "KEY"}}},
        {"$expr": "payload"},
        {"$expr": "payload.open"},
    ],
    ids=str,
)
def test_what_fits_or_may_fit_is_let_pass(inputs: dict[str, Any]) -> None:
    """Also where a part is known only when the step runs, and alternatives are not followed."""
    assert told(call("a", inputs)) == []


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"count": 0}, "INVALID at {}/count"),
        ({"count": 1.5}, "INVALID at {}/count"),
        ({"count": True}, "INVALID at {}/count"),
        ({"flag": 1}, "INVALID at {}/flag"),
        ({"text": None}, "INVALID at {}/text"),
        ({"level": "HIGH"}, "INVALID at {}/level"),
        ({"tags": "a"}, "INVALID at {}/tags"),
        ({"tags": ["a", "b", "c", "d"]}, "INVALID at {}/tags"),
        ({"tags": [EXPR, 1]}, "INVALID at {}/tags/1"),
        ({"address": {}}, "INVALID at {}/address"),
        ({"address": {"zip": EXPR}}, "INVALID at {}/address"),
        ({"address": {"street": "a", "zip": "x"}}, "INVALID at {}/address/zip"),
        ({"address": {"street": EXPR, "zip": "x"}}, "INVALID at {}/address/zip"),
        ({"address": {"street": EXPR, "city": "x"}}, "INVALID at {}/address/city"),
        ({"address": [EXPR]}, "INVALID at {}/address"),
        ({"place": {"street": EXPR, "zip": 5}}, "INVALID at {}/place/zip"),
        ({"pair": [EXPR, "1"]}, "INVALID at {}/pair/1"),
        ({"either": {"c": 1}}, "INVALID at {}/either"),
        ({"code": "abc"}, "INVALID at {}/code"),
        ({"maybe": "1"}, "INVALID at {}/maybe"),
        ({"tests": EXPR}, "UNKNOWN at {}/tests"),
        ({"text": {"$expr": "5"}}, "TYPE at {}/text"),
        ({"text": {"$expr": " -5.5 "}}, "TYPE at {}/text"),
        ({"text": {"$expr": "true"}}, "TYPE at {}/text"),
        ({"text": {"$expr": "null"}}, "TYPE at {}/text"),
        ({"count": {"$expr": '"5"'}}, "TYPE at {}/count"),
        ({"count": {"$expr": "1.5"}}, "TYPE at {}/count"),
        ({"count": {"$expr": "payload.text"}}, "TYPE at {}/count"),
        ({"count": {"$expr": "payload.`first name`"}}, "TYPE at {}/count"),
        ({"count": {"$expr": "payload.nested.text"}}, None),
        ({"flag": {"$expr": "payload.either"}}, "TYPE at {}/flag"),
        ({"count": {"$expr": "payload.either"}}, None),
        ({"maybe": {"$expr": "payload.text"}}, "TYPE at {}/maybe"),
        ({"level": {"$expr": "payload.level"}}, None),
        ({"level": {"$expr": "payload.loud"}}, "TYPE at {}/level"),
        ({"level": {"$expr": "payload.text"}}, None),
        ({"tags": {"$expr": "payload.names"}}, None),
        ({"text": {"$expr": "payload.names"}}, "TYPE at {}/text"),
        ({"text": {"$expr": "payload.people.name"}}, None),
        ({"count": {"$expr": "payload.people.name"}}, None),
        ({"address": {"street": {"$expr": "payload.count"}}}, "TYPE at {}/address/street"),
        ({"tags": [{"$expr": "payload.count"}]}, "TYPE at {}/tags/0"),
        ({"$expr": "payload.text"}, "TYPE at {}"),
        ({"$expr": "payload.names"}, "TYPE at {}"),
        ({"count": {"$expr": "payload.text = 'a'"}}, None),
        ({"count": {"$expr": "$number(payload.text)"}}, None),
        ({"count": {"$expr": "payload.text[0]"}}, None),
        ({"count": {"$expr": "'a' & 'b'"}}, None),
        ({"count": {"$expr": "payload or true"}}, None),
    ],
    ids=str,
)
def test_what_never_fits_is_told_at_its_place(inputs: dict[str, Any], found: str | None) -> None:
    """Exactly that, whether by a literal or by the type of an expression."""
    assert told(call("a", inputs)) == ([] if found is None else [found.format(HERE)])


def test_several_faults_are_told_of_one_input() -> None:
    """Each at its own place."""
    inputs = {"text": 1, "count": "x", "tags": [1, "a", 2], "more": 1}
    assert told(call("a", inputs)) == [
        f"INVALID at {HERE}/text",
        f"INVALID at {HERE}/count",
        f"INVALID at {HERE}/tags/0",
        f"INVALID at {HERE}/tags/2",
        f"UNKNOWN at {HERE}/more",
    ]


def loop(items: Any, body: dict[str, Any], name: str = "each", var: str = "it") -> dict[str, Any]:
    return {
        "id": name,
        "type": "control.forEach",
        "items": items,
        "itemVar": var,
        "body": [body],
    }


def taking(expression: str, field: str = "count", name: str = "use") -> dict[str, Any]:
    return call(name, {field: {"$expr": expression}})


def waiting(*matches: dict[str, Any]) -> dict[str, Any]:
    config = {"any": list(matches), "timeout": "PT1H"}
    return {"id": "wait", "type": "event.wait", "config": config}


VARIABLES: list[tuple[list[dict[str, Any]], bool]] = [
    # One place sets it.
    ([assign("s", x="a"), taking("vars.x")], True),
    ([assign("s", x=5), taking("vars.x")], False),
    ([assign("s", x={"y": ["a"]}), taking("vars.x.y")], True),
    ([assign("s", x={"y": {"$expr": "payload.text"}}), taking("vars.x.y")], True),
    ([assign("s", x={"y": 1}), taking("vars.x.z")], False),
    ([assign("s", x=[{"y": "a"}]), taking("vars.x.y")], False),
    ([assign("s", x__y="a"), taking("vars.x.y")], True),
    ([assign("s", x__y="a"), taking("vars.x")], False),
    ([assign("s", x={"$expr": "payload.text"}), taking("vars.x")], True),
    ([assign("s", x={"$expr": "vars.x"}), taking("vars.x")], False),
    ([assign("s", x={"$expr": "vars.y"}, y={"$expr": "vars.x"}), taking("vars.x")], False),
    ([call("c", {}, saveAs="vars.x"), taking("vars.x.text")], True),
    ([call("c", {}, saveAs="vars.x"), taking("vars.x.count")], False),
    ([call("c", {}, saveAs="vars.x"), taking("vars.x.rows")], True),
    ([call("c", {}, saveAs="vars.x"), taking("vars.x.rows.street")], False),
    ([call("c", {}, saveAs="vars.x"), taking("vars.x.place.street")], True),
    ([call("c", {}, saveAs="vars.x"), taking("vars.x.any")], False),
    # Several places set it, or it is not clear what.
    ([assign("s", x="a"), assign("t", x=5), taking("vars.x")], False),
    ([assign("s", x={"y": "a"}), assign("t", x__y=5), taking("vars.x.y")], False),
    ([assign("s", x__y="a", x__z=5), taking("vars.x.y")], True),
    ([call("c", {}, saveAs="vars.x"), assign("t", x__text=5), taking("vars.x.text")], False),
    ([*(assign(f"s{n}", **{f"x__y{n}": "a"}) for n in range(40)), taking("vars.x.y0")], False),
    # Loops.
    ([loop({"$expr": "payload.names"}, taking("it"))], True),
    ([loop({"$expr": "payload.names"}, taking("item"))], True),
    ([loop({"$expr": "payload.people"}, taking("it.name"))], True),
    ([loop({"$expr": "payload.matrix"}, taking("it"))], True),
    ([loop({"$expr": "payload.text"}, taking("it"))], False),
    ([loop({"$expr": "payload.open"}, taking("it"))], False),
    ([loop(["a", "b"], taking("it"))], True),
    ([loop(["a", 1], taking("it"))], False),
    ([loop([{"$expr": "payload.text"}], taking("it"))], False),
    ([loop(["a"], taking("index", "text"))], True),
    ([loop(["a"], taking("isLast", "text"))], True),
    ([loop({"$expr": "payload.matrix"}, loop({"$expr": "it"}, taking("jt"), "in", "jt"))], False),
    ([loop({"$expr": "payload.people"}, loop(["a"], taking("item"), "in", "jt"))], True),
    ([loop({"$expr": "payload.names"}, loop([1, 2], taking("item"), "in", "jt"))], False),
    ([loop(["a"], loop({"$expr": "payload.matrix"}, taking("it", "tags"), "in", "jt"))], True),
    ([assign("s", x={"$expr": "payload.names"}), loop({"$expr": "vars.x"}, taking("it"))], True),
    # Events.
    (
        [
            waiting({"eventName": "CAME", "assign": {"vars.x": {"$expr": "event.payload.id"}}}),
            taking("vars.x"),
        ],
        True,
    ),
    (
        [
            waiting({"eventName": "CAME", "assign": {"vars.x": {"$expr": "event.payload.seats"}}}),
            taking("vars.x"),
        ],
        False,
    ),
    (
        [
            waiting(
                {"eventName": "CAME", "assign": {"vars.x": {"$expr": "event.payload.id"}}},
                {"eventName": "CAME", "assign": {"vars.x": {"$expr": "event.payload.seats"}}},
            ),
            taking("vars.x"),
        ],
        False,
    ),
    # Results of blocks.
    (
        [
            {
                **loop(["a"], assign("s", y=1)),
                "output": 1,
                "saveAs": "vars.x",
            },
            taking("vars.x"),
        ],
        True,
    ),
]


@pytest.mark.parametrize(("steps", "is_told"), VARIABLES, ids=str)
def test_types_are_followed_as_far_as_they_are_certain(
    steps: list[dict[str, Any]], is_told: bool
) -> None:
    """Through variables that one place sets, items of loops and events; and no further."""
    found = told(*steps)
    assert [place.partition(" ")[0] for place in found] == (["TYPE"] if is_told else [])


def test_an_undo_sees_the_outcome_and_the_result() -> None:
    """And its own inputs are checked as any."""
    undo: dict[str, Any] = {"actionId": "take", "version": 1, "inputMapping": {}}
    saga = {"id": "saga", "type": "control.saga", "steps": [call("do", {}, compensate=undo)]}
    undo["inputMapping"] = {
        "text": {"$expr": "result.text"},
        "level": {"$expr": "outcome"},
        "count": {"$expr": "result.text"},
        "flag": {"$expr": "result"},
        "tags": {"$expr": "result.rows.street"},
    }
    there = "/steps/0/steps/0/config/compensate/inputMapping"
    assert told(saga) == [
        f"TYPE at {there}/level",
        f"TYPE at {there}/count",
        f"TYPE at {there}/flag",
    ]


def test_a_faulty_payload_schema_is_no_crash() -> None:
    """Somebody else says what is wrong with it."""
    odd: dict[str, Any] = {"type": 5, "properties": [1], "required": {"a": 1}, "enum": "x"}
    document = {
        "id": "a",
        "name": "A",
        "payloadSchema": odd,
        "trigger": {"type": "event", "eventName": "CAME", "payloadMapping": {"a": 1}},
        "steps": [
            taking("payload.a"),
            {"id": "again", "type": "control.callWorkflow", "workflowId": "a"},
        ],
    }
    codes = [str(found.code) for found in validate(document, CATALOGUE).findings]
    assert codes == ["PAYLOAD_SCHEMA_INVALID", "WORKFLOW_CYCLE"]

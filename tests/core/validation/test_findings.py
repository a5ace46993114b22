"""Every kind of mistake is found, at its place, with words that help."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from alga_workflows_core.definition.document import MAX_DOCUMENT_BYTES
from alga_workflows_core.validation.findings import Code, Finding, Severity
from alga_workflows_core.validation.validate import MAX_FINDINGS, validate
from tests.core.validation import world
from tests.core.validation.documents import CORRECT, LEAVE, SAMPLE, SMALLEST, catalogue, edited
from tests.core.validation.test_table import MISTAKES as TABLE

PAGES = Path(__file__).resolve().parents[3] / "docs" / "findings"

CATALOGUE = catalogue()
"""What an engine does not run that does not run all of the grammar."""
IF = "/steps/1"
CALL = f"{IF}/then/0/config"
BRANCH_CALL = f"{IF}/else/0/config"
ASSIGN = "/steps/0/config/assign"


def mistake(code: Code, path: str, document: Any, *, says: str, suggests: str | None = None) -> Any:
    """`document` has exactly one finding."""
    return pytest.param(code, path, document, says, suggests, id=f"{code}-{path or 'root'}-{says}")


def leave(*edits: tuple[str, Any]) -> dict[str, Any]:
    return edited(LEAVE, *edits)


ASKED = {"$expr": "payload.n = 1"}
END = {"id": "end" + "_" * 60, "type": "control.return"}


def nested(depth: int, *, innermost: dict[str, Any], last: str = "then") -> dict[str, Any]:
    """`innermost` inside `depth` conditions with ids of 64 characters."""
    inner = innermost
    for level in range(depth):
        branch: dict[str, Any] = {"then": [inner]}
        if level == 0 and last == "else":
            leaf = {"id": "leaf", "type": "transform.assign", "config": {"assign": {"vars.a": 1}}}
            branch = {"then": [leaf], "else": [inner]}
        name = f"if{level:02}" + "_" * 60
        inner = {"id": name, "type": "control.if", "condition": ASKED, **branch}
    return {**SMALLEST, "steps": [inner]}


MISTAKES = [
    mistake(
        Code.ACTION_INPUT_MISSING,
        f"{CALL}/inputMapping/url",
        leave((f"{CALL}/inputMapping/url", ...)),
        says="http.request needs the input 'url'",
        suggests="/actions",
    ),
    mistake(
        Code.ACTION_INPUT_MISSING,
        "/steps/1/config/inputMapping/maxLength",
        edited(SAMPLE, ("/steps/1/config/inputMapping", {"text": "a"})),
        says="text.truncate needs the input 'maxLength'",
        suggests="/actions",
    ),
    mistake(
        Code.ACTION_INPUT_UNKNOWN,
        f"{CALL}/inputMapping/methode",
        leave((f"{CALL}/inputMapping/methode", "GET")),
        says="http.request has no input 'methode'",
        suggests="Did you mean 'method'?",
    ),
    mistake(
        Code.ACTION_INPUT_UNKNOWN,
        f"{CALL}/inputMapping/max_redirects",
        leave((f"{CALL}/inputMapping/max_redirects", 1)),
        says="no input 'max_redirects'",
        suggests="Did you mean 'maxRedirects'?",
    ),
    mistake(
        Code.ACTION_INPUT_UNKNOWN,
        f"{CALL}/inputMapping/a~1b~0c",
        leave((f"{CALL}/inputMapping/a~1b~0c", 1)),
        says="no input 'a/b~c'",
        suggests="Its inputs are method, url,",
    ),
    mistake(
        Code.ACTION_UNKNOWN,
        f"{CALL}/actionId",
        leave((f"{CALL}/actionId", "http.requst")),
        says="There is no action 'http.requst'",
        suggests="Did you mean 'http.request'?",
    ),
    mistake(
        Code.ACTION_UNKNOWN,
        f"{BRANCH_CALL}/actionId",
        leave((f"{BRANCH_CALL}/actionId", "billing.charge")),
        says="There is no action 'billing.charge'",
        suggests="/actions",
    ),
    mistake(
        Code.ACTION_VERSION_UNKNOWN,
        f"{CALL}/version",
        leave((f"{CALL}/version", 2)),
        says="http.request has no version 2",
        suggests="It has 1.",
    ),
    mistake(
        Code.ACTION_VERSION_UNKNOWN,
        f"{BRANCH_CALL}/version",
        leave((f"{BRANCH_CALL}/version", 10**9)),
        says="log.write has no version 1000000000",
        suggests="It has 1.",
    ),
    mistake(
        Code.CONDITION_LITERAL,
        f"{IF}/condition",
        leave((f"{IF}/condition", "vars.days > 5")),
        says="A condition is an expression",
        suggests="$expr",
    ),
    mistake(
        Code.CONDITION_LITERAL,
        f"{IF}/condition",
        leave((f"{IF}/condition", None)),
        says="A condition is an expression",
        suggests="$expr",
    ),
    mistake(
        Code.DOCUMENT_NOT_JSON,
        "/payloadSchema/properties/days/maximum",
        leave(("/payloadSchema/properties/days/maximum", 2**53)),
        says="cannot be kept exactly",
        suggests="2^53",
    ),
    mistake(
        Code.DOCUMENT_NOT_JSON,
        "/steps/0/config/assign/vars.days/a~1b",
        leave((f"{ASSIGN}/vars.days", {"a/b": float("nan")})),
        says="cannot be kept exactly",
        suggests="finite number",
    ),
    mistake(
        Code.DOCUMENT_NOT_JSON,
        "/name",
        leave(("/name", "half a \ud83d pair")),
        says="half a surrogate pair",
        suggests="both halves",
    ),
    mistake(Code.DOCUMENT_NOT_OBJECT, "", [LEAVE], says="has to be an object"),
    mistake(Code.DOCUMENT_NOT_OBJECT, "", None, says="has to be an object"),
    mistake(
        Code.DOCUMENT_TOO_LARGE,
        "",
        leave(("/description", "x" * MAX_DOCUMENT_BYTES)),
        says="524288 is the limit",
        suggests="Move large literals",
    ),
    mistake(
        Code.DOCUMENT_TOO_LARGE,
        "",
        {f"field{number}": "😀" * 8 for number in range(12_000)},
        says="524288 is the limit",
        suggests="Move large literals",
    ),
    mistake(
        Code.EXPRESSION_MALFORMED,
        f"{ASSIGN}/vars.days",
        leave((f"{ASSIGN}/vars.days", {"$expr": "payload.days", "default": 0})),
        says="stands alone",
        suggests="$expr",
    ),
    mistake(
        Code.EXPRESSION_MALFORMED,
        f"{CALL}/inputMapping/json/~0who",
        leave((f"{CALL}/inputMapping/json/~0who/$expr", "  ")),
        says="the text of an expression",
        suggests="$expr",
    ),
    mistake(
        Code.EXPRESSION_MALFORMED,
        f"{IF}/condition",
        leave((f"{IF}/condition/$expr", True)),
        says="the text of an expression",
        suggests="$expr",
    ),
    mistake(
        Code.EXPRESSION_SYNTAX,
        f"{IF}/condition/$expr",
        leave((f"{IF}/condition/$expr", "vars.days >")),
        says="`vars.days >`",
        suggests="Correct the expression",
    ),
    mistake(
        Code.EXPRESSION_SYNTAX,
        f"{ASSIGN}/vars.letter.head/to~1cc/1/$expr",
        leave((f"{ASSIGN}/vars.letter.head/to~1cc/1/$expr", "payload.(name")),
        says="`payload.(name`",
        suggests="Correct the expression",
    ),
    mistake(
        Code.EXPRESSION_SYNTAX,
        f"{BRANCH_CALL}/inputMapping/$expr",
        leave((f"{BRANCH_CALL}/inputMapping/$expr", "{'message': }")),
        says="failed",
        suggests="Correct the expression",
    ),
    mistake(Code.FIELD_INVALID, "/id", leave(("/id", "Leave Request")), says="lower-case letters"),
    mistake(Code.FIELD_INVALID, "/id", leave(("/id", "leave\n")), says="lower-case letters"),
    mistake(Code.FIELD_INVALID, "/name", leave(("/name", "")), says="must not be empty"),
    mistake(Code.FIELD_INVALID, "/name", leave(("/name", "a\x00b")), says="one line without"),
    mistake(
        Code.FIELD_INVALID,
        f"{IF}/name",
        leave((f"{IF}/name", "two\nlines")),
        says="one line without",
    ),
    mistake(
        Code.FIELD_INVALID, f"{IF}/name", leave((f"{IF}/name", "n" * 201)), says="200 characters"
    ),
    mistake(
        Code.FIELD_INVALID, f"{CALL}/version", leave((f"{CALL}/version", "1")), says="whole number"
    ),
    mistake(
        Code.FIELD_INVALID, f"{CALL}/version", leave((f"{CALL}/version", True)), says="whole number"
    ),
    mistake(Code.FIELD_INVALID, f"{CALL}/version", leave((f"{CALL}/version", 0)), says="1 or more"),
    mistake(
        Code.FIELD_INVALID,
        f"{CALL}/saveAs",
        leave((f"{CALL}/saveAs", "payload.answer")),
        says="'payload.answer' cannot be written to",
    ),
    mistake(
        Code.FIELD_INVALID,
        f"{ASSIGN}/days~1total",
        leave((f"{ASSIGN}/days~1total", 1)),
        says="'days/total' cannot be written to",
    ),
    mistake(
        Code.FIELD_INVALID,
        f"{CALL}/inputMapping",
        leave((f"{CALL}/inputMapping", [])),
        says="has to be an object",
    ),
    mistake(Code.FIELD_INVALID, "/steps", leave(("/steps", {})), says="has to be a list"),
    mistake(
        Code.BLOCK_EMPTY,
        "/steps",
        leave(("/steps", [])),
        says="There is no step in it",
        suggests="Give it a step",
    ),
    mistake(Code.FIELD_INVALID, f"{IF}/then/0", leave((f"{IF}/then/0", "x")), says="an object"),
    mistake(
        Code.BLOCK_EMPTY,
        f"{IF}/then",
        leave((f"{IF}/then", [])),
        says="There is no step in it",
        suggests="may be left out",
    ),
    mistake(Code.FIELD_INVALID, f"{IF}/id", leave((f"{IF}/id", "1st")), says="a letter first"),
    mistake(Code.FIELD_INVALID, "/payloadSchema", leave(("/payloadSchema", [])), says="an object"),
    mistake(Code.FIELD_MISSING, "/name", leave(("/name", ...)), says="'name' is missing"),
    mistake(
        Code.FIELD_MISSING,
        f"{CALL}/actionId",
        leave((f"{CALL}/actionId", ...)),
        says="'actionId' is missing",
    ),
    mistake(
        Code.FIELD_MISSING,
        f"{IF}/else/0/type",
        leave((f"{IF}/else/0/type", ...)),
        says="'type' is missing",
        suggests="It is one of action.call",
    ),
    mistake(
        Code.FIELD_UNKNOWN,
        "/payload_schema",
        edited(SMALLEST, ("/payload_schema", {})),
        says="no field 'payload_schema'",
        suggests="Did you mean 'payloadSchema'?",
    ),
    mistake(
        Code.FIELD_UNKNOWN,
        "/steps/0/config/save_as",
        edited(SAMPLE, ("/steps/0/config/save_as", "vars.lookup")),
        says="no field 'save_as'",
        suggests="Did you mean 'saveAs'?",
    ),
    mistake(
        Code.FIELD_UNKNOWN,
        f"{IF}/otherwise",
        leave((f"{IF}/otherwise", [])),
        says="no field 'otherwise'",
        suggests="Its fields are id, name, type, condition, then, else.",
    ),
    mistake(
        Code.FIELD_UNKNOWN,
        f"{IF}/then/1/control.return",
        leave((f"{IF}/then/1/control.return", {})),
        says="no field 'control.return'",
        suggests="Its fields are id, name, type, value.",
    ),
    mistake(
        Code.FIELD_UNKNOWN,
        f"{IF}/then/1/x~1y~0z",
        leave((f"{IF}/then/1/x~1y~0z", 1)),
        says="no field 'x/y~z'",
        suggests="Its fields are",
    ),
    mistake(
        Code.PAYLOAD_SCHEMA_INVALID,
        "/payloadSchema/properties/days/type",
        leave(("/payloadSchema/properties/days/type", "int")),
        says="'int' is not valid",
    ),
    mistake(
        Code.PAYLOAD_SCHEMA_INVALID,
        "/payloadSchema/properties/a~1b/$ref",
        leave(("/payloadSchema/properties/a~1b", {"$ref": "#/$defs/people"})),
        says="'#/$defs/people' is not part of the schema",
    ),
    mistake(
        Code.PAYLOAD_SCHEMA_INVALID,
        "/payloadSchema/properties/days/$ref",
        leave(("/payloadSchema/properties/days", {"$ref": "https://example.com/days.json"})),
        says="is not part of the schema",
    ),
    mistake(
        Code.PAYLOAD_SCHEMA_INVALID,
        "/payloadSchema/$defs/person/properties/name/pattern",
        leave(("/payloadSchema/$defs/person/properties/name/pattern", "(")),
        says="regex",
    ),
    mistake(
        Code.PAYLOAD_SCHEMA_INVALID,
        "/payloadSchema/$defs/person",
        leave(("/payloadSchema/$defs/person", {"anyOf": [{"$ref": "#/$defs/person"}]})),
        says="refers to itself without end",
    ),
    mistake(
        Code.PAYLOAD_SCHEMA_INVALID,
        "/payloadSchema/properties/days/$ref",
        leave(
            ("/payloadSchema/properties/days", {"$ref": "#/$defs/x-made/kind"}),
            ("/payloadSchema/$defs/x-made", {"kind": {"type": 7}}),
        ),
        says="leads to what is no schema",
    ),
    mistake(
        Code.PAYLOAD_SCHEMA_INVALID,
        "/payloadSchema/$schema",
        leave(("/payloadSchema/$schema", "http://json-schema.org/draft-07/schema#")),
        says="read as 2020-12",
    ),
    mistake(
        Code.SECRET_NAME_INVALID,
        f"{CALL}/inputMapping/headers/authorization/$secret",
        leave((f"{CALL}/inputMapping/headers", {"authorization": {"$secret": "desk key"}})),
        says="'desk key' cannot be the name",
        suggests="Capital letters",
    ),
    mistake(
        Code.SECRET_NOT_ALLOWED,
        "/steps/2/value/granted",
        leave(("/steps/2/value/granted", {"$secret": "KEY"})),
        says="only in the input of an action",
        suggests="rows and histories",
    ),
    mistake(
        Code.STEP_ID_DUPLICATE,
        "/steps/2/id",
        leave(("/steps/2/id", "asked")),
        says="'asked' is used at /steps/1/then/1 already",
        suggests="an id of its own",
    ),
    mistake(
        Code.STEP_ID_DUPLICATE,
        f"{IF}/then/0/id",
        leave((f"{IF}/then/0/id", "long")),
        says="'long' is used at /steps/1 already",
        suggests="an id of its own",
    ),
    mistake(
        Code.STEP_PATH_TOO_LONG,
        "/steps/0" + "/then/0" * 23 + "/id",
        nested(23, innermost=END),
        says="the limit",
        suggests="shorter ids",
    ),
    mistake(
        Code.STEP_PATH_TOO_LONG,
        "/steps/0" + "/then/0" * 22 + "/else/0/id",
        nested(23, innermost=END, last="else"),
        says="1500 is the limit",
        suggests="less deeply",
    ),
    mistake(
        Code.STEP_TYPE_UNKNOWN,
        f"{IF}/type",
        leave((f"{IF}/type", "control.iff")),
        says="no step type 'control.iff'",
        suggests="Did you mean 'control.if'?",
    ),
    mistake(
        Code.STEP_TYPE_UNKNOWN,
        f"{IF}/else/0/type",
        leave((f"{IF}/else/0/type", "script")),
        says="no step type 'script'",
        suggests="It is one of action.call",
    ),
    mistake(
        Code.STEP_UNREACHABLE,
        f"{IF}/then/1",
        leave(
            (f"{IF}/then/0", {"id": "asked", "type": "control.return"}),
            (f"{IF}/then/1/id", "late"),
        ),
        says="'late' is never reached",
        suggests="Remove it",
    ),
    mistake(
        Code.STEP_UNREACHABLE,
        "/steps/2",
        leave((f"{IF}/else/0", {"id": "no", "type": "control.return"})),
        says="'granted' is never reached",
        suggests="Remove it",
    ),
]


def findings(document: Any) -> list[Finding]:
    return validate(document, CATALOGUE).findings


@pytest.mark.parametrize(("code", "path", "document", "says", "suggests"), MISTAKES)
def test_a_mistake_is_found_at_its_place(
    code: Code, path: str, document: Any, says: str, suggests: str | None
) -> None:
    """One finding, with its code, its place, what is wrong and, where we know, what to do."""
    (found,) = findings(document)
    assert (found.code, found.path) == (code, path)
    assert says in found.message
    assert found.message.endswith(".")
    assert suggests is None or (found.suggestion is not None and suggests in found.suggestion)
    warns = code is Code.STEP_UNREACHABLE
    assert found.severity is (Severity.WARNING if warns else Severity.ERROR)
    assert validate(document, CATALOGUE).publishable is warns


def test_every_code_has_a_mistake() -> None:
    """A code that no document can have is not kept; those that are not here are in the table."""
    here = {param.values[0] for param in MISTAKES}
    table = {place.split(" at ")[0] for _, each in TABLE for place in each["finds"]}
    assert set(Code) == here | table


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_document_has_no_findings(name: str) -> None:
    """What is right is left alone, and can be published."""
    validated = validate(CORRECT[name], CATALOGUE)
    assert validated.findings == []
    assert validated.publishable
    assert validated.definition is not None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "payload_schema"),
        ("/steps/0/config", "action_id"),
        ("/steps/0/config", "input_mapping"),
        ("/steps/0/config", "save_as"),
    ],
)
def test_fields_have_their_camel_case_names_only(path: str, name: str) -> None:
    """The name that a field has inside the program is unknown outside."""
    camel = re.sub(r"_(.)", lambda match: match[1].upper(), name)
    value: Any = SAMPLE if not path else SAMPLE["steps"][0]["config"]
    document = edited(SAMPLE, (f"{path}/{name}", value[camel]), (f"{path}/{camel}", ...))
    codes = {(found.code, found.path) for found in findings(document)}
    assert (Code.FIELD_UNKNOWN, f"{path}/{name}") in codes


def test_findings_are_told_in_document_order() -> None:
    """From the top of the document to its end; a missing field counts where its holder ends."""
    document = {
        "nme": "Mistaken",
        "steps": [
            {"type": "control.if", "condition": 1, "else": 2, "then": [{"type": "x"}], "id": 5},
            {"id": "b", "type": "action.call", "config": {"version": "1", "saveAs": "x"}},
        ],
        "id": "NO",
    }
    assert [(found.code, found.path) for found in findings(document)] == [
        (Code.FIELD_UNKNOWN, "/nme"),
        (Code.FIELD_INVALID, "/steps/0/else"),
        (Code.STEP_TYPE_UNKNOWN, "/steps/0/then/0/type"),
        (Code.FIELD_INVALID, "/steps/0/id"),
        (Code.FIELD_INVALID, "/steps/1/config/version"),
        (Code.FIELD_INVALID, "/steps/1/config/saveAs"),
        (Code.FIELD_MISSING, "/steps/1/config/actionId"),
        (Code.FIELD_INVALID, "/id"),
        (Code.FIELD_MISSING, "/name"),
    ]


def test_later_checks_are_told_in_document_order_too() -> None:
    """A warning at the top stands before an error at the end, whichever check found it first."""
    document = leave(
        (f"{IF}/else/0", {"id": "no", "type": "control.return"}),
        ("/steps/2/value", {"$expr": "("}),
        ("/payloadSchema/type", "thing"),
    )
    assert [found.code for found in findings(document)] == [
        Code.PAYLOAD_SCHEMA_INVALID,
        Code.STEP_UNREACHABLE,
        Code.EXPRESSION_SYNTAX,
    ]


def test_so_many_findings_are_told_and_no_more() -> None:
    """Thousands of mistakes are answered with the first of them, errors before warnings."""
    many = {**SMALLEST, **{f"unknown{number}": 0 for number in range(5 * MAX_FINDINGS)}}
    assert len(findings(many)) == MAX_FINDINGS

    dead = [
        {
            "id": f"if{number}",
            "type": "control.if",
            "condition": {"$expr": f"payload.n = {number}"},
            "then": [
                {"id": f"end{number}", "type": "control.return"},
                {"id": f"dead{number}", "type": "control.return"},
            ],
        }
        for number in range(2 * MAX_FINDINGS)
    ]
    wrong = {"id": "wrong", "type": "control.return", "value": {"$expr": ")"}}
    told = findings(edited(SMALLEST, ("/steps", [*dead, wrong])))
    assert len(told) == MAX_FINDINGS
    assert told[-1].code is Code.EXPRESSION_SYNTAX


def test_a_huge_name_is_not_repeated() -> None:
    """A field name of 100,000 characters is shortened in the message, and whole in the path."""
    name = "payloadSchema" * 8_000
    (found,) = findings({**SMALLEST, name: 1})
    assert len(found.message) < 200
    assert found.path == f"/{name}"


def test_every_code_has_its_page_and_every_page_its_code() -> None:
    """`docs/findings/<CODE>.md` explains each finding; the index lists them all."""
    codes = {code.value for code in Code}
    assert {page.stem for page in PAGES.glob("*.md")} == codes | {"README"}
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([A-Z_]+)\.md\)", index)) == codes


def written(example: str) -> Any:
    """The document that a page's example is a part of: a step, members, or all of it."""
    value = json.loads(example)
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    return {**SMALLEST, **({"steps": [members]} if "type" in members else members)}


@pytest.mark.parametrize("code", list(Code))
def test_a_page_says_what_is_wrong_and_what_is_right(code: Code) -> None:
    """Its wrong example has this finding and no other, its right example has none."""
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    title, meaning = text.split("\n\n")[:2]
    assert title == f"# {code}"
    assert len(meaning) > 40
    assert text.index("Wrong:") < text.index("Right:")
    assert len([line for line in text.splitlines() if line]) <= 30
    if code not in {Code.DOCUMENT_TOO_LARGE, Code.STEP_PATH_TOO_LONG}:
        wrong, right = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
        assert [found.code for found in validate(written(wrong), world.CATALOGUE).findings] == [
            code
        ]
        assert validate(written(right), world.CATALOGUE).findings == []

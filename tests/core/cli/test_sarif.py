"""SARIF 2.1.0 has what code hosts and editors need, and nothing that it does not define."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.core.cli.command import Command

ROOT = Path(__file__).resolve().parents[3]

TEXT = {"type": "string", "minLength": 1}
MESSAGE = {"properties": {"text": TEXT}, "required": ["text"], "additionalProperties": False}


def object_of(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


# Those objects of the standard that are written here, with what the standard allows in them.
POSITION = {"type": "integer", "minimum": 1}
LOCATION = object_of(
    {
        "physicalLocation": object_of(
            {"artifactLocation": object_of({"uri": {"type": "string", "pattern": r"^[!-~]+$"}})},
            region=object_of({"startLine": POSITION}, startColumn=POSITION),
        )
    },
    logicalLocations={"type": "array", "items": object_of({"fullyQualifiedName": TEXT})},
)
RESULT = object_of(
    {"message": MESSAGE, "ruleId": TEXT, "ruleIndex": {"type": "integer", "minimum": 0}},
    level={"enum": ["none", "note", "warning", "error"]},
    locations={"type": "array", "items": LOCATION},
)
RULE = object_of({"id": TEXT, "shortDescription": MESSAGE, "help": MESSAGE})
DRIVER = object_of(
    {"name": TEXT, "version": TEXT, "rules": {"type": "array", "items": RULE, "uniqueItems": True}}
)
SARIF = object_of(
    {
        "$schema": {"type": "string", "pattern": "^https://"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": object_of(
                {"tool": object_of({"driver": DRIVER})},
                invocations={
                    "type": "array",
                    "items": object_of({"executionSuccessful": {"type": "boolean"}}),
                },
                columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                results={"type": "array", "items": RESULT},
            ),
        },
    }
)

WRONG = """\
id: a
name: "\U0001f600"
steps:
  - {id: end, type: control.return, "\U0001f600": 1}
  - {id: end, type: control.stop}
"""
DOUBTFUL = """\
id: a
name: A
steps:
- {id: end, type: control.return}
- {id: late, type: control.return}
"""


def run_of(command: Command, *files: str) -> dict[str, Any]:
    """The one run of the report on `files`."""
    outcome = command("validate", "--sarif", *files)
    assert outcome.err == ""
    report = json.loads(outcome.out)
    jsonschema.validate(report, SARIF, jsonschema.Draft202012Validator)
    (run,) = report["runs"]
    return run


def test_results_have_their_places(command: Command) -> None:
    """Each finding is a result with rule, level, words, region and pointer."""
    command.write("wrong.yaml", WRONG)
    run = run_of(command, "wrong.yaml")
    unknown, stop = run["results"]
    assert unknown["ruleId"] == "FIELD_UNKNOWN"
    assert unknown["level"] == "error"
    assert unknown["message"]["text"].startswith("There is no field '\U0001f600' here. Its fields")
    (location,) = unknown["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "wrong.yaml"},
        "region": {"startLine": 4, "startColumn": 37},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "/steps/0/\U0001f600"}]
    assert stop["ruleId"] == "STEP_TYPE_UNKNOWN"
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"] == [{"executionSuccessful": True}]


def test_rules_are_those_that_occur(command: Command) -> None:
    """Each code is one rule, which leads to its page, and results refer to it."""
    command.write("wrong.yaml", WRONG)
    command.write("doubtful.yaml", DOUBTFUL)
    command.write("broken.yaml", "a: [")
    run = run_of(command, "wrong.yaml", "doubtful.yaml", "broken.yaml")
    driver = run["tool"]["driver"]
    assert driver["version"] == version("alga-workflows-core")
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == ["FIELD_UNKNOWN", "STEP_TYPE_UNKNOWN", "STEP_UNREACHABLE", "YAML_SYNTAX"]
    assert [ids[result["ruleIndex"]] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    for rule in driver["rules"]:
        page, _, says = rule["help"]["text"].partition(" ")
        assert says
        assert rule["id"] in (ROOT / page).read_text(encoding="utf-8")
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels["STEP_UNREACHABLE"] == "warning"


@pytest.mark.parametrize("file", ["folder/ä b%#?.yaml", "a:b.yaml"])
def test_a_file_is_named_by_a_uri(command: Command, file: str) -> None:
    """A relative name is a relative reference, an absolute one a file URI, both escaped."""
    (command.folder / "folder").mkdir()
    command.write(file, "a: [")
    relative = uris(run_of(command, file))
    absolute = uris(run_of(command, str(command.folder / file)))
    assert relative in (["folder/%C3%A4%20b%25%23%3F.yaml"], ["a%3Ab.yaml"])
    assert absolute[0].startswith("file:///")
    assert absolute[0].endswith(f"/{relative[0]}") or absolute[0].endswith("/a:b.yaml")


def test_a_file_that_cannot_be_opened(command: Command) -> None:
    """The run says that it did not succeed; the result has no region."""
    run = run_of(command, "missing.yaml")
    assert run["invocations"] == [{"executionSuccessful": False}]
    (result,) = run["results"]
    assert result["ruleId"] == "FILE_UNREADABLE"
    assert result["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "missing.yaml"}}}
    ]


def test_nothing_was_found(command: Command) -> None:
    """A run without results is still a run."""
    command.write("right.yaml", "id: a\nname: A\nsteps: [{id: end, type: control.return}]\n")
    run = run_of(command, "right.yaml")
    assert run["results"] == run["tool"]["driver"]["rules"] == []


def uris(run: dict[str, Any]) -> list[str]:
    return [
        location["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
        for location in result["locations"]
    ]

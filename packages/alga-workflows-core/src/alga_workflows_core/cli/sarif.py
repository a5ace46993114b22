"""What was found in files as SARIF 2.1.0, which code hosts and editors show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from alga_workflows_core.cli.report import FileReport, Problem, readable_name
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.validation.findings import Code

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

_OF_DOCUMENTS = frozenset(code.value for code in Code)


def as_sarif(reports: Sequence[FileReport]) -> str:
    """One run; each code that occurs is a rule, each problem a result with its place."""
    codes = sorted({problem.code for report in reports for problem in report.problems})
    rules = {code: number for number, code in enumerate(codes)}
    run = {
        "tool": {
            "driver": {
                "name": "alga-workflows",
                "version": version("alga-workflows-core"),
                "rules": [_rule(code) for code in codes],
            }
        },
        "invocations": [{"executionSuccessful": all(report.opened for report in reports)}],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(report.file, problem, rules)
            for report in reports
            for problem in report.problems
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> JsonObject:
    # `helpUri` has to be absolute, and the documentation has no address of its own.
    page = f"docs/findings/{code}.md" if code in _OF_DOCUMENTS else "docs/howto/validate.md"
    return {
        "id": code,
        "shortDescription": {"text": code.replace("_", " ").capitalize()},
        "help": {"text": f"{page} says what this means and what to do."},
    }


def _result(file: str, problem: Problem, rules: dict[str, int]) -> JsonObject:
    location: JsonObject = {"physicalLocation": {"artifactLocation": {"uri": _uri(file)}}}
    if problem.line:
        location["physicalLocation"]["region"] = {
            "startLine": problem.line,
            "startColumn": problem.column,
        }
    if problem.path:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.path}]
    advice = f" {problem.suggestion}" if problem.suggestion else ""
    return {
        "ruleId": problem.code,
        "ruleIndex": rules[problem.code],
        "level": problem.severity.value,
        "message": {"text": f"{problem.message}{advice}"},
        "locations": [location],
    }


def _uri(file: str) -> str:
    path = Path(readable_name(file))
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())

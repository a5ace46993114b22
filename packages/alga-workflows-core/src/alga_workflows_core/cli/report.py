"""What was found in files, as lines for people and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.validation.findings import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding, at its place in the file: line and column from 1, None where there is none.

    `code` is that of a finding, or of the error for which the file could not be read. `path` is a
    JSON Pointer into the document.
    """

    severity: Severity
    code: str
    path: str
    message: str
    suggestion: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Sorts problems by line and column; those without come first."""
        return self.line or 0, self.column or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """The problems of one file in the order of their places; `opened` says whether it was read."""

    file: str
    problems: Sequence[Problem]
    opened: bool = True

    def count(self, severity: Severity) -> int:
        """How many problems are of this severity."""
        return sum(problem.severity is severity for problem in self.problems)


def text_lines(reports: Sequence[FileReport]) -> Iterator[str]:
    """`file:line:column: severity CODE message (suggestion)`, one line for each problem."""
    for report in reports:
        for problem in report.problems:
            place = f":{problem.line}:{problem.column}" if problem.line else ""
            advice = f" ({problem.suggestion})" if problem.suggestion else ""
            yield _printable(
                f"{report.file}{place}: {problem.severity} {problem.code} {problem.message}{advice}"
            )


def summary(reports: Sequence[FileReport]) -> str:
    """One sentence on all files."""
    errors = sum(report.count(Severity.ERROR) for report in reports)
    warnings = sum(report.count(Severity.WARNING) for report in reports)
    found = [_counted(errors, "error"), _counted(warnings, "warning")]
    told = " and ".join(part for part in found if part) or "no findings"
    return f"{_counted(len(reports), 'file')}: {told}."


def as_json(reports: Sequence[FileReport]) -> str:
    """`{"files": [{"file", "findings": [{"severity", "code", "path", "message", …}]}]}`."""
    files = [
        {
            "file": readable_name(report.file),
            "findings": [_finding(problem) for problem in report.problems],
        }
        for report in reports
    ]
    return json.dumps({"files": files}, indent=2)


def readable_name(file: str) -> str:
    """The file's name with a replacement for bytes of it that are not UTF-8."""
    return os.fsencode(file).decode(errors="replace")


def _finding(problem: Problem) -> JsonObject:
    members = {
        "severity": problem.severity.value,
        "code": problem.code,
        "path": problem.path,
        "message": problem.message,
        "suggestion": problem.suggestion,
        "line": problem.line,
        "column": problem.column,
    }
    return {name: value for name, value in members.items() if value is not None}


def _counted(number: int, thing: str) -> str:
    if not number:
        return ""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _printable(line: str) -> str:
    """`line` with escapes for whatever would break it or would command a terminal."""
    if line.isprintable():
        return line
    shown = (
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in line
    )
    return "".join(shown)

"""`alga-workflows validate`: what is wrong with the documents in some files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from alga_workflows_core.actions.builtin.catalogue import builtin_specs
from alga_workflows_core.cli.report import FileReport, Problem, as_json, summary, text_lines
from alga_workflows_core.cli.sarif import as_sarif
from alga_workflows_core.definition.source import MAX_SOURCE_BYTES, Source, read
from alga_workflows_core.errors import InputError
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.findings import Severity
from alga_workflows_core.validation.validate import validate

STANDARD_INPUT = "-"

FOUND_NOTHING, FOUND_ERRORS, UNREADABLE = 0, 1, 2

DESCRIPTION = f"""Say what is wrong with definitions in JSON or YAML, against the actions that come
with the engine. Exit status: {FOUND_NOTHING} if nothing of severity error was found,
{FOUND_ERRORS} if something was, {UNREADABLE} if a file could not be opened or the command is not
understood."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `run` takes."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a definition; - is the standard input"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0")
    parser.add_argument("--quiet", action="store_true", help="print no summary")
    parser.add_argument(
        "--strict", action="store_true", help="let warnings fail the command as errors do"
    )


def run(options: argparse.Namespace) -> int:
    """Report on every file, then answer with the exit status."""
    catalogue = Catalogue(actions=builtin_specs())
    # Standard input can be read only once, and a file need not be told of twice.
    files = list(dict.fromkeys(cast("list[str]", options.files)))
    reports = [_check(file, catalogue) for file in files]
    if options.json or options.sarif:
        form: Callable[[Sequence[FileReport]], str] = as_json if options.json else as_sarif
        sys.stdout.write(f"{form(reports)}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in text_lines(reports))
        # What is said last should stand last where both streams go to one place.
        sys.stdout.flush()
        if not options.quiet:
            sys.stderr.write(f"{summary(reports)}\n")
    return _status(reports, strict=options.strict)


def _status(reports: Sequence[FileReport], *, strict: bool) -> int:
    if not all(report.opened for report in reports):
        return UNREADABLE
    failing = list(Severity) if strict else [Severity.ERROR]
    found = any(report.count(severity) for report in reports for severity in failing)
    return FOUND_ERRORS if found else FOUND_NOTHING


def _check(file: str, catalogue: Catalogue) -> FileReport:
    try:
        text = _text(file)
    except (OSError, ValueError) as error:
        return FileReport(file=file, problems=[_unreadable(error)], opened=False)
    try:
        source = read(text, name=file)
    except InputError as error:
        return FileReport(file=file, problems=[_refused(error)])
    problems = sorted(_found(source, catalogue), key=lambda problem: problem.place)
    return FileReport(file=file, problems=problems)


def _text(file: str) -> bytes:
    """The file's content, as much as decides whether it is too long. ValueError for a bad name."""
    if file == STANDARD_INPUT:
        return _beginning(sys.stdin.buffer)
    with Path(file).open("rb") as opened:
        return _beginning(opened)


def _beginning(stream: BinaryIO) -> bytes:
    return stream.read(MAX_SOURCE_BYTES + 1)


def _unreadable(error: OSError | ValueError) -> Problem:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Problem(
        severity=Severity.ERROR,
        code="FILE_UNREADABLE",
        path="",
        message=f"The file cannot be opened: {reason}.",
        suggestion="Name a file that you may read, or - for the standard input.",
    )


def _refused(error: InputError) -> Problem:
    line, column = error.details.get("line"), error.details.get("column")
    return Problem(
        severity=Severity.ERROR,
        code=error.error_code,
        path=error.path or "",
        # The place stands in front of it already.
        message=error.message.replace(f" (line {line}, column {column}).", "."),
        suggestion=error.remedy,
        line=line,
        column=column,
    )


def _found(source: Source, catalogue: Catalogue) -> Iterator[Problem]:
    for finding in validate(source.document, catalogue).findings:
        line, column = _nearest(source, finding.path)
        yield Problem(
            severity=finding.severity,
            code=finding.code.value,
            path=finding.path,
            message=finding.message,
            suggestion=finding.suggestion,
            line=line,
            column=column,
        )


def _nearest(source: Source, pointer: str) -> tuple[int, int]:
    """The place of what `pointer` leads to, or of what would hold it: it may be missing."""
    here = pointer
    while (position := source.position(here)) is None:
        here = here.rpartition("/")[0]
    return position

"""`alga-workflows validate` finds what is wrong with files, says where, and exits accordingly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from alga_workflows_core.definition.source import MAX_SOURCE_BYTES
from tests.core.cli.command import PROGRAM, TIMEOUT_SECONDS, Command

SAMPLE = Path(__file__).resolve().parents[3] / "docs" / "samples" / "ticket-triage.json"

CORRECT = "id: a\nname: A\nsteps:\n- {id: end, type: control.return}\n"

# One error, one warning; the warning stands first.
WRONG = """\
{
  "id": "a", "name": "A",
  "steps": [
    {"id": "end", "type": "control.return"},
    {"id": "late", "type": "transform.assign", "config": {"assign": {"vars.a": 1}}},
    {"id": "end", "type": "control.return"}
  ]
}
"""
UNREACHABLE = (
    ":5:5: warning STEP_UNREACHABLE Step 'late' is never reached: 'end' ends the run before it."
    " (Remove it, or move it in front of 'end'.)"
)
DUPLICATE = (
    ":6:6: error STEP_ID_DUPLICATE The id 'end' is used at /steps/0 already."
    " (Give each step an id of its own; it names the step in paths and logs.)"
)

DOUBTFUL = CORRECT + "- {id: late, type: control.return}\n"

# Loaded by nothing that only looks at files.
HEAVY = {"temporalio", "sqlalchemy", "psycopg", "alembic", "fastapi", "starlette", "uvicorn"}


def found(text: str) -> list[dict[str, Any]]:
    """The findings of the only file of a `--json` report."""
    (report,) = json.loads(text)["files"]
    return report["findings"]


def test_the_sample_is_correct(command: Command) -> None:
    """The sample that everybody begins with has no findings, as JSON and written as YAML."""
    document = json.loads(SAMPLE.read_bytes())
    same = command.write("sample.yaml", yaml.safe_dump(document, sort_keys=False))
    outcome = command("validate", str(SAMPLE), same)
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err == "2 files: no findings.\n"


def test_findings_have_their_places(command: Command) -> None:
    """Each finding is a line with its place, sorted; the summary stands apart; status 1."""
    outcome = command("validate", command.write("wrong.json", WRONG))
    assert outcome.out.splitlines() == [f"wrong.json{UNREACHABLE}", f"wrong.json{DUPLICATE}"]
    assert outcome.err == "1 file: 1 error and 1 warning.\n"
    assert outcome.status == 1


def test_what_is_missing_is_told_of_its_holder(command: Command) -> None:
    """A field that is not there has the place of the object that lacks it."""
    text = (
        "id: a\nname: A\nsteps:\n  - id: b\n    type: action.call\n    config:\n      version: 1\n"
    )
    outcome = command("validate", "--json", command.write("a.yaml", text))
    findings = [(one["path"], one["line"], one["column"]) for one in found(outcome.out)]
    assert findings == [("/steps/0/config/actionId", 6, 5)]


def test_a_document_that_is_no_object(command: Command) -> None:
    """A finding on the whole document stands where it begins."""
    outcome = command("validate", command.write("a.yaml", "# nothing\n\n- a\n"))
    assert outcome.out.startswith("a.yaml:3:1: error DOCUMENT_NOT_OBJECT ")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["right.yaml"], 0),
        (["right.yaml", "--strict"], 0),
        (["doubtful.yaml"], 0),
        (["doubtful.yaml", "--strict"], 1),
        (["doubtful.yaml", "--json", "--strict"], 1),
        (["doubtful.yaml", "right.yaml", "--sarif"], 0),
        (["right.yaml", "wrong.json"], 1),
        (["wrong.json", "right.yaml", "--sarif"], 1),
        (["missing.yaml"], 2),
        (["wrong.json", "missing.yaml"], 2),
        (["missing.yaml", "right.yaml", "--json"], 2),
        (["."], 2),
    ],
)
def test_the_status_is_that_of_the_worst_file(
    command: Command, arguments: list[str], status: int
) -> None:
    """0 without errors, 1 with one, 2 if a file cannot be opened, whatever the form."""
    command.write("right.yaml", CORRECT)
    command.write("doubtful.yaml", DOUBTFUL)
    command.write("wrong.json", WRONG)
    assert command("validate", *arguments).status == status


def test_all_files_are_told_of(command: Command) -> None:
    """One file does not hide another; they come in the order of the arguments, each once."""
    command.write("wrong.json", WRONG)
    command.write("doubtful.yaml", DOUBTFUL)
    outcome = command("validate", "missing.yaml", "wrong.json", "doubtful.yaml", "wrong.json")
    files = [line.partition(":")[0] for line in outcome.out.splitlines()]
    assert files == ["missing.yaml", "wrong.json", "wrong.json", "doubtful.yaml"]
    assert outcome.err == "3 files: 2 errors and 2 warnings.\n"


def test_as_json(command: Command) -> None:
    """One object with the findings of each file, at their places; nothing else is printed."""
    command.write("wrong.json", WRONG)
    command.write("right.yaml", CORRECT)
    outcome = command("validate", "--json", "wrong.json", "right.yaml", "missing.yaml")
    wrong, right, missing = json.loads(outcome.out)["files"]
    assert right == {"file": "right.yaml", "findings": []}
    assert wrong["file"] == "wrong.json"
    assert wrong["findings"][1] == {
        "severity": "error",
        "code": "STEP_ID_DUPLICATE",
        "path": "/steps/2/id",
        "message": "The id 'end' is used at /steps/0 already.",
        "suggestion": "Give each step an id of its own; it names the step in paths and logs.",
        "line": 6,
        "column": 6,
    }
    (unreadable,) = missing["findings"]
    assert unreadable["code"] == "FILE_UNREADABLE"
    assert "line" not in unreadable
    assert outcome.err == ""


def test_quiet(command: Command) -> None:
    """Findings are printed, the summary is not."""
    outcome = command("validate", "--quiet", command.write("wrong.json", WRONG))
    assert len(outcome.out.splitlines()) == 2
    assert outcome.err == ""


# A file's name, its text, the code, where it is told of, and the pointer that it has.
UNREADABLE_TEXTS = [
    ("a.json", '{\n "id": }', "JSON_SYNTAX", (2, 8), ""),
    ("a.yaml", "id: a\nsteps: [", "YAML_SYNTAX", (2, 9), ""),
    ("a.yaml", "id: !!binary a", "YAML_UNSUPPORTED", (1, 5), "/id"),
    ("a.yaml", "id: a\nid: b", "JSON_DUPLICATE_KEY", (2, 1), "/id"),
    ("a.json", '{"id": NaN}', "JSON_NUMBER", (1, 8), "/id"),
    ("a.json", "[" * 200, "JSON_DEPTH", (1, 101), ""),
    ("a.yaml", b"id: \xff", "JSON_TEXT", (1, 5), ""),
    ("a.yaml", "#" * (MAX_SOURCE_BYTES + 1), "SIZE_LIMIT", (1, 1), ""),
]


@pytest.mark.parametrize(("name", "text", "code", "place", "path"), UNREADABLE_TEXTS)
def test_a_text_that_cannot_be_read_is_a_finding(
    command: Command, name: str, text: str | bytes, code: str, place: tuple[int, int], path: str
) -> None:
    """A fault of the text is the one finding of its file, and its place is told once."""
    file = command.write(name, text)
    (finding,) = found(command("validate", "--json", file).out)
    assert (finding["severity"], finding["code"], finding["path"]) == ("error", code, path)
    assert (finding["line"], finding["column"]) == place
    assert finding["suggestion"]
    outcome = command("validate", file)
    assert outcome.out.startswith(f"{name}:{place[0]}:{place[1]}: error {code} ")
    assert "(line " not in outcome.out
    assert outcome.status == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["validate"], ["validate", "--json", "--sarif", "a"], ["validate", "--no", "a"], ["no"]],
)
def test_arguments_that_make_no_sense(command: Command, arguments: list[str]) -> None:
    """They are refused with the usage and status 2."""
    outcome = command(*arguments)
    assert outcome.status == 2
    assert outcome.err.startswith("usage: alga-workflows")


def test_help(command: Command) -> None:
    """Help names the exit statuses."""
    outcome = command("validate", "--help")
    assert outcome.status == 0
    assert "Exit status: 0" in outcome.out


@pytest.mark.parametrize("text", [WRONG, json.dumps(yaml.safe_load(WRONG)), "- 1"])
def test_standard_input(command: Command, text: str) -> None:
    """`-` is read once, as JSON or as YAML, and told of by that name."""
    outcome = command.process("validate", "-", "-", stdin=text.encode())
    assert outcome.status == 1
    assert {line.partition(":")[0] for line in outcome.out.splitlines()} == {"-"}
    assert outcome.err.startswith("1 file: 1 error")


def test_what_is_printed_stays_on_its_line(command: Command) -> None:
    """Neither a file's name nor its content breaks a line or reaches the terminal as a command."""
    name = command.write("a\n\x1b[2J.yaml", CORRECT + '"\\e[31m\\u0085": 1\n')
    (line,) = command("validate", name).out.splitlines()
    assert line.isprintable()
    assert line.startswith("a\\n\\x1b[2J.yaml:5:1: error FIELD_UNKNOWN ")


def test_any_name_on_any_terminal(command: Command) -> None:
    """Names that are not UTF-8 and words that the terminal cannot show are told by escapes."""
    names = [os.fsdecode(b"\xff.json"), command.write("a.yaml", f"{CORRECT}sp\u00e4t: 1")]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    unnamed, unknown = command.process("validate", *names, environ=ascii_only).out.splitlines()
    assert unnamed.startswith("\\udcff.json: error FILE_UNREADABLE ")
    assert "'sp\\xe4t'" in unknown
    for form in ("--json", "--sarif"):
        assert json.loads(command.process("validate", form, *names).out.encode("utf-8", "strict"))


def test_nobody_reads_on(command: Command) -> None:
    """A reader that goes away ends the command without a word."""
    command.write("wrong.json", WRONG)
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        ended = subprocess.run(
            [PROGRAM, "validate", "wrong.json"],
            cwd=command.folder,
            stdout=write_end,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    finally:
        os.close(write_end)
    assert ended.returncode == 141
    assert ended.stderr == b""


def test_it_starts_fast(command: Command) -> None:
    """Neither Temporal nor SQL nor a web server is loaded to look at a file."""
    code = (
        "import sys; from alga_workflows_core.cli.main import main;"
        " status = main(sys.argv[1:]); print(status, *sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "validate", str(SAMPLE)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    status, *modules = ended.stdout.split()
    assert status == "0"
    assert "alga_workflows_core.validation.validate" in modules
    assert HEAVY.isdisjoint(modules)

"""`alga-workflows simulate`: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alga_workflows_core.cli.main import main

DEFINITION = """\
id: case
name: Charge, then wait
payloadSchema: {type: object, required: [amount], properties: {amount: {type: number}}}
steps:
  - id: slug
    type: action.call
    config: {actionId: text.slug, version: 1, inputMapping: {text: "Ä b"}, saveAs: vars.slug}
  - id: get
    type: action.call
    config:
      actionId: http.request
      version: 1
      inputMapping: {method: GET, url: "https://desk.example/rate"}
      saveAs: vars.rate
  - id: month
    type: time.wait
    config: {mode: duration, duration: P1M}
  - id: end
    type: control.return
    value: {$expr: "{'slug': vars.slug.slug, 'sum': payload.amount * vars.rate.json.rate}"}
"""
SCRIPT = """\
payload: {amount: 10}
actions:
  - {action: http.request, takes: PT2S, result: {json: {rate: 3}}}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a definition and a script."""
    (tmp_path / "case.yaml").write_text(DEFINITION, encoding="utf-8")
    (tmp_path / "script.yaml").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def test_a_run_is_told_line_by_line(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each step with its time, and the result; a month takes no time."""
    status = main(["simulate", str(files / "case.yaml"), "--script", str(files / "script.yaml")])
    told = capsys.readouterr().out.splitlines()
    assert status == 0
    assert told == [
        "2030-01-01 12:00:00  slug   SUCCEEDED  0:00:00",
        "2030-01-01 12:00:00  get    SUCCEEDED  0:00:02",
        "2030-01-01 12:00:02  month  SUCCEEDED  31 days, 0:00:00",
        "2030-02-01 12:00:02  end    SUCCEEDED  0:00:00",
        'SUCCEEDED at 2030-02-01T12:00:02+00:00: {"slug": "a-b", "sum": 30}',
    ]


def test_the_report_as_json(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, calls and facts for programs."""
    arguments = [str(files / "case.yaml"), "--script", str(files / "script.yaml"), "--json"]
    assert main(["simulate", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == "SUCCEEDED"
    assert [row["path"] for row in report["steps"]] == ["slug", "get", "month", "end"]
    assert [call["actionId"] for call in report["calls"]] == ["text.slug", "http.request"]
    assert report["waits"][0]["kind"] == "time"
    assert report["trace"][0]["kind"] == "run.started"
    assert report["notReached"] == []


def test_what_the_script_does_not_say_is_told(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A call without a scripted answer gets an empty one, which the author should know."""
    (files / "short.yaml").write_text("payload: {amount: 1}\n", encoding="utf-8")
    main(["simulate", str(files / "case.yaml"), "--script", str(files / "short.yaml")])
    assert "the script says nothing of the call at get" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("payload: {amount: ten}\n", "PAYLOAD"),
        ("payload: {amount: 1}\nactons: []\n", "actons"),
        ("payload: {amount: 1}\nuntil: tomorrow\n", "until"),
        ("payload: {amount: 1}\ndefinition: {}\n", "definition"),
    ],
)
def test_bad_input_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str], script: str, says: str
) -> None:
    """A payload that does not fit, and a script that says what no script can say."""
    (files / "bad.yaml").write_text(script, encoding="utf-8")
    status = main(["simulate", str(files / "case.yaml"), "--script", str(files / "bad.yaml")])
    assert status in (1, 2)
    assert says.lower() in capsys.readouterr().err.lower()


def test_a_definition_with_errors_is_not_run(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its findings are told."""
    wrong = DEFINITION.replace("text.slug", "text.slugg")
    (files / "case.yaml").write_text(wrong, encoding="utf-8")
    assert main(["simulate", str(files / "case.yaml")]) == 1
    assert "ACTION_UNKNOWN" in capsys.readouterr().err


def test_a_file_that_is_not_there(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and its name."""
    assert main(["simulate", str(files / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_a_called_definition_is_run_too(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Given with `--with`; its result is the caller's output."""
    (files / "child.yaml").write_text(
        "id: child\nname: Child\nsteps: [{id: end, type: control.return, value: 7}]\n",
        encoding="utf-8",
    )
    (files / "parent.yaml").write_text(
        "id: parent\nname: Parent\nsteps:\n"
        "- {id: call, type: control.callWorkflow, workflowId: child, saveAs: vars.x}\n"
        "- {id: end, type: control.return, value: {$expr: vars.x}}\n",
        encoding="utf-8",
    )
    arguments = [str(files / "parent.yaml"), "--with", str(files / "child.yaml")]
    assert main(["simulate", *arguments]) == 0
    assert capsys.readouterr().out.endswith(": 7\n")

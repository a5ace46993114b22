"""Logs: one line per record, the same form from everybody, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from pydantic import SecretStr

from alga_workflows_core.infra.settings import LogSettings
from alga_workflows_core.infra.telemetry import MASK, bind_run, configure_logging, mask_secrets

log = structlog.get_logger()


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logging() -> Generator[None]:
    """Give the process back its logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def configured(**settings: str) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(LogSettings.model_validate(settings), service="tested", stream=stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_json_line_with_the_fixed_fields_first() -> None:
    """Time, level, service, sentence and action lead; ids follow as they were given."""
    stream = configured()
    run = uuid4()

    log.info("A run\nended.", action="run.closed", run_id=run, steps=3)

    (line,) = lines(stream)
    assert list(line)[:5] == ["timestamp", "level", "service", "event", "action"]
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["service"]) == ("info", "tested")
    assert (line["event"], line["action"]) == ("A run\nended.", "run.closed")
    assert (line["run_id"], line["steps"]) == (str(run), 3)


def test_lines_inside_bind_run_name_the_run() -> None:
    """Run, tenant and definition are bound inside, for libraries too, and gone outside."""
    stream = configured()
    run = UUID("6f1c1c1e-0000-4000-8000-000000000001")

    with bind_run(run_id=run, tenant="acme", definition="ticket-triage"):
        log.info("Inside.", action="test.inside")
        logging.getLogger("somebody.else").info("inside")
    log.info("Outside.", action="test.outside")

    ours, theirs, outside = lines(stream)
    expected = {"run_id": str(run), "tenant": "acme", "definition": "ticket-triage"}
    assert expected.items() <= ours.items()
    assert expected.items() <= theirs.items()
    assert "run_id" not in outside


def test_the_standard_library_and_warnings_take_the_same_way() -> None:
    """A library's record is a line of the same form, with its logger's name and an action."""
    stream = configured()

    logging.getLogger("temporalio.worker").warning(
        "Poll of %s failed", "queue", extra={"temporal_activity": {"attempt": 2}, "other": 1}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old habit", DeprecationWarning, stacklevel=1)

    first, second = lines(stream)
    assert first["event"] == "Poll of queue failed"
    assert first["logger"] == "temporalio.worker"
    assert (first["level"], first["action"]) == ("warning", "library.logged")
    assert first["temporal_activity"] == {"attempt": 2}
    assert "other" not in first
    assert (second["logger"], "old habit" in second["event"]) == ("py.warnings", True)


def test_an_exception_is_structured_and_shows_no_locals() -> None:
    """Frames, types and causes are data; the values of local variables stay unsaid."""
    stream = configured()

    def fail() -> None:
        hidden = "value-of-a-local"
        raise ValueError(f"bad {len(hidden)}")

    try:
        try:
            fail()
        except ValueError as error:
            raise RuntimeError("cannot go on with postgresql://u:hush@db/app") from error
    except RuntimeError:
        log.exception("It failed.", action="test.failed")

    (line,) = lines(stream)
    outer, cause = line["exception"]
    assert (outer["exc_type"], cause["exc_type"]) == ("RuntimeError", "ValueError")
    assert cause["is_cause"] is True
    assert [frame["name"] for frame in cause["frames"]][-1] == "fail"
    assert "value-of-a-local" not in stream.getvalue()
    assert "hush" not in stream.getvalue()


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "hush"},
        {"PGPASSWORD": "hush"},
        {"dbPassword": "hush"},
        {"headers": {"Authorization": "Bearer hush", "accept": "*/*"}},
        {"headers": [{"X-Api-Key": ["hush"]}]},
        {"api_key": "hush", "apiKey": "hush", "APIKey": "hush", "apikey": "hush"},
        {"secrets": {"NAME": "hush"}, "access_token": "hush", "token": 4711},
        {"address": "postgresql://user:hush@db:5432/app"},
        {"address": "postgresql://user:a!b@c$d()e*_,/:;=?@ff[]hush@db/app"},
        {"addresses": ("redis://:hush@cache", {"deep": ["amqp://u:hush@mq"]})},
        {"error": ConnectionError("cannot reach https://u:hush@host/path")},
        {"detail": "host=db password=hush user=me", "other": "x?api_key=hush&page=2"},
        {"detail": "password='hush hush'"},
        {"value": SecretStr("hush")},
        {"nested": {"a": {"b": {"c": {"client_secret": "hush"}}}}},
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_masked_wherever_they_are(fields: dict[str, Any], form: str) -> None:
    """Values of keys that name a secret, passwords in URLs and in assignments are masked."""
    stream = configured(LOG_FORMAT=form)

    log.info("It says something.", action="test.said", **fields)
    logging.getLogger("library").info("%s", fields.get("address", fields.get("detail")))

    assert "hush" not in stream.getvalue()
    assert "4711" not in stream.getvalue()
    assert MASK in stream.getvalue()


def test_what_is_no_secret_stays_readable() -> None:
    """Ports, paths with an @ and keys that only resemble a secret's are left alone."""
    stream = configured()
    fields: dict[str, Any] = {
        "url": "http://127.0.0.1:4000/users/@me",
        "address": "postgresql://user@db:5432/app",
        "max_tokens": 12,
        "keyboard": "de",
        "key": "TICKET-1",
        "token": None,
    }

    log.info("It says something.", action="test.said", **fields)

    (line,) = lines(stream)
    assert fields.items() <= line.items()
    assert mask_secrets("postgresql://user:hush@db:5432/app") == (
        f"postgresql://user:{MASK}@db:5432/app"
    )


def test_masking_takes_linear_time() -> None:
    """A long hostile text does not hold up the process."""
    hostile = "a://b:" * 50_000 + "password='" * 20_000 + "a." * 100_000

    began = time.perf_counter()
    mask_secrets(hostile)

    assert time.perf_counter() - began < 5


def test_values_that_json_does_not_know_are_written_as_text() -> None:
    """Sets, paths, NaN, endless nesting and exceptions never spoil a line."""
    stream = configured()
    endless: list[Any] = []
    endless.append(endless)

    log.info(
        "It says something.",
        action="test.said",
        path=Path("/tmp/x"),  # noqa: S108
        numbers={float("nan")},
        endless=endless,
        error=KeyError("k"),
        keys={1: "one"},
    )

    (line,) = lines(stream)
    assert line["path"] == "/tmp/x"  # noqa: S108
    assert line["numbers"] == ["nan"]
    assert line["error"] == "KeyError: 'k'"
    assert line["keys"] == {"1": "one"}


def test_the_level_holds_for_us_and_for_libraries() -> None:
    """Below the level nothing is written, and chatty libraries begin at warning."""
    stream = configured(LOG_LEVEL="info")

    log.debug("Ours.", action="test.said")
    logging.getLogger("library").debug("theirs")
    logging.getLogger("httpx").info("GET http://host/?api_key=hush")
    assert lines(stream) == []

    log.info("Ours.", action="test.said")
    logging.getLogger("library").info("theirs")
    logging.getLogger("httpx").warning("trouble")
    assert [line["event"] for line in lines(stream)] == ["Ours.", "theirs", "trouble"]

    verbose = configured(LOG_LEVEL="debug")
    log.debug("Ours.", action="test.said")
    assert [line["event"] for line in lines(verbose)] == ["Ours."]
    assert len(lines(stream)) == 3


def test_on_a_terminal_people_read_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` writes text there; a hostile value can neither forge a line nor steer the terminal."""
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    configure_logging(LogSettings(), service="tested", stream=stream)

    log.info("A step ended.", action="step.closed", step="a\n2026 [info] forged", other="\x1b[2J")
    logging.getLogger("library").info("theirs\n2026 [info] forged \x1b[2J")
    line, theirs = stream.getvalue().splitlines()
    assert "theirs" in theirs
    assert "A step ended." in line
    assert "action=step.closed" in line
    assert "\x1b" not in line + theirs

    log.error("It failed.", action="test.failed", exc_info=ValueError("readable"))
    assert stream.getvalue().rstrip().endswith("ValueError: readable")


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours unless NO_COLOR is set; LOG_FORMAT=json holds there too."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    configure_logging(LogSettings(), service="tested", stream=coloured)
    log.info("Said.", action="test.said")
    assert "\x1b[" in coloured.getvalue()

    as_json = Terminal()
    configure_logging(LogSettings(format="json"), service="tested", stream=as_json)
    log.info("Said.", action="test.said")
    assert json.loads(as_json.getvalue())["event"] == "Said."


def test_by_default_logs_leave_standard_output_alone() -> None:
    """Standard output belongs to the command; every log line goes to standard error."""
    script = (
        "import logging, structlog\n"
        "from alga_workflows_core.infra.settings import LogSettings\n"
        "from alga_workflows_core.infra.telemetry import configure_logging\n"
        "configure_logging(LogSettings(), service='tested')\n"
        "structlog.get_logger().info('Said.', action='test.said')\n"
        "logging.getLogger('library').warning('theirs')\n"
        "print('the result')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "the result\n"
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events == ["Said.", "theirs"]

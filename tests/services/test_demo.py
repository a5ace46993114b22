"""`demo`: the sample's run as a result, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.services.command import finished, running
from tests.services.processes import alive, descendants, mentioning

# The part is refused, so the saga undoes what it has done, and somebody is asked.
SAMPLE_STEPS = {
    "begin": "SUCCEEDED",
    "begin/triage/triage": "SUCCEEDED",
    "begin/settle/settle": "SUCCEEDED",
    "reply": "SUCCEEDED",
    "visit": "SUCCEEDED",
    "visit/booking": "FAILED",
    "visit/booking/engineer": "SUCCEEDED",
    "visit/booking/parts": "FAILED",
    "visit/decide": "SUCCEEDED",
    "done": "SUCCEEDED",
}


@pytest.fixture
def environ(folder: Path) -> Iterator[dict[str, str]]:
    """Settings of a demo whose temporary files lie in a folder of this test's own; nothing may be
    left there.
    """
    yield {"TMPDIR": str(folder)}
    assert list(folder.iterdir()) == []
    assert mentioning(str(folder)) == []


async def test_the_result_is_shown(environ: dict[str, str]) -> None:
    """With --json as one object with exactly the promised keys, else as a timeline for people;
    standard output holds nothing else.
    """
    as_json, as_text = await asyncio.gather(
        finished("demo", "--json", environ=environ), finished("demo", environ=environ)
    )
    for result in (as_json, as_text):
        assert result.code == 0, result.stderr
    assert as_json.stdout.count("\n") == 1
    shown = json.loads(as_json.stdout)
    assert set(shown) == {"status", "runId", "result", "steps", "elapsedSeconds"}
    assert shown["status"] == "SUCCEEDED"
    assert UUID(shown["runId"])
    assert shown["result"]["team"] == "first-response"
    assert shown["result"]["accepted"] is True
    assert shown["result"]["note"] == "It is the box with the red light."
    assert shown["result"]["obstacle"] == 409
    assert shown["result"]["remote"] is True
    assert 0 < shown["elapsedSeconds"] < 60
    assert {step["path"]: step["status"] for step in shown["steps"]} == SAMPLE_STEPS
    for step in shown["steps"]:
        assert set(step) == {"path", "type", "status", "startedAt", "finishedAt"}
        began = datetime.fromisoformat(step["startedAt"])
        assert began <= datetime.fromisoformat(step["finishedAt"])
    head, *steps, last = as_text.stdout.splitlines()
    assert head.endswith("on-site-visit: SUCCEEDED")
    assert {line.split()[1]: line.split()[2] for line in steps} == SAMPLE_STEPS
    assert "Triage, and let things settle" in steps[0]
    assert last.strip().startswith("result: {")


@pytest.mark.parametrize("action", ["postgres.start", "poller.started"])
async def test_an_interrupted_demo_leaves_nothing(environ: dict[str, str], action: str) -> None:
    """Ctrl-C while the servers start, or while it serves: no result, status 130."""
    async with running("demo", "--json", environ={**environ, "LOG_LEVEL": "info"}) as demo:
        await demo.logged(action)
        servers = descendants(demo.pid)
        assert servers
        demo.interrupt()
        assert await demo.ended() == 130
        assert await demo.stdout() == ""
        assert alive(servers) == set()
        assert not [line for line in demo.log if line["level"] == "error"]

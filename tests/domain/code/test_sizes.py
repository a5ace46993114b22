"""How much code is read, what that takes, and that nobody else waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from alga_temporal_domain.projects.bundles import Bundle, Manifest
from alga_temporal_domain.projects.code_judge import CodeJudge
from alga_temporal_domain.projects.findings import Rule
from alga_temporal_domain.projects.gates import MOST_FINDINGS
from alga_temporal_domain.projects.judging import Names
from alga_temporal_domain.projects.process.launcher import Launcher
from alga_temporal_domain.projects.source.parsing import MOST_NODES, MOST_NODES_TOGETHER
from tests.domain.code.test_gates import findings_of
from tests.domain.hostile import ACTIVITY
from tests.domain.process.conftest import launched

NODES_OF_A_LINE = 14
LINE = "def f(x: list[int]) -> int: return x\n"
FULL = LINE * (MOST_NODES // NODES_OF_A_LINE - 1)
NEARLY_A_MIB = 1_000_000


def biggest() -> dict[str, str]:
    """As many nodes and characters as a bundle may have."""
    files = {"act.py": ACTIVITY, "one.py": FULL, "two.py": FULL}
    left = NEARLY_A_MIB - sum(map(len, files.values()))
    return {**files, "text.py": f"TEXT = '{'x' * (left // 2)}'\n" + "#\n" * (left // 4)}


TOO_LARGE = {
    "a module": {"a.py": ACTIVITY, "b.py": LINE * (MOST_NODES // NODES_OF_A_LINE + 1)},
    "together": {"a.py": ACTIVITY, "b.py": FULL, "c.py": FULL, "d.py": LINE * 10},
}


@pytest.mark.parametrize("name", sorted(TOO_LARGE))
def test_more_code_is_not_read(name: str) -> None:
    """Neither in one module nor in all; the finding names the one with which it is too much."""
    (finding,) = findings_of(TOO_LARGE[name])
    assert finding.rule is Rule.TOO_LARGE
    assert finding.path == {"a module": "b.py", "together": "d.py"}[name]
    assert str(MOST_NODES if name == "a module" else MOST_NODES_TOGETHER) in finding.message


def test_text_in_annotations_is_bounded() -> None:
    """What is read out of text counts as well, each time."""
    text = "x: 'list[" + "int, " * 2000 + "]'\n"
    findings = findings_of({"a.py": f"{ACTIVITY}\n{text * 5}"})
    assert [finding.rule for finding in findings] == [Rule.CONSTRUCT_REFUSED]
    assert "more than 50000 characters" in findings[0].message


def test_findings_are_bounded() -> None:
    """The first ones, and how many more there are."""
    findings = findings_of({"a.py": f"{ACTIVITY}\n" + "eval\n" * 2000})
    assert len(findings) == MOST_FINDINGS + 1
    assert findings[-1].message.startswith("1500 more findings")


@asynccontextmanager
async def ticking() -> AsyncGenerator[list[float]]:
    """Seconds of processor time of this process between two ticks of ten milliseconds."""
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            began = time.process_time()
            await asyncio.sleep(0.01)
            gaps.append(time.process_time() - began)

    ticker = asyncio.create_task(tick())
    try:
        yield gaps
    finally:
        ticker.cancel()


async def test_the_biggest_bundle_holds_up_nobody() -> None:
    """It is read, judged and imported elsewhere; here no tick is late by a tenth of a second."""
    files = biggest()
    bundle = Bundle(manifest=Manifest(workflows=(), activities=("act",)), files=files)
    async with launched(Launcher()) as launcher, ticking() as gaps:
        judge = CodeJudge(launcher)
        await judge.names(files)
        assert await judge.judge(bundle, "q") == ()
    assert len(gaps) > 20
    assert max(gaps) < 0.1


async def test_code_that_is_no_end_of_reading_is_ended() -> None:
    """A MiB of the densest code is more than a process that reads gets memory for."""
    files = {"a.py": ACTIVITY, "b.py": "x\n" * (NEARLY_A_MIB // 2)}
    async with launched(Launcher()) as launcher, ticking() as gaps:
        found = await CodeJudge(launcher).names(files)
    assert not isinstance(found, Names)
    assert [one.rule for one in found] == [Rule.TOO_LARGE]
    assert max(gaps) < 0.1

"""Random interleavings in four processes against one database, and what the judge says of them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from alga_workflows_core.events.relay import Relay
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import DatabaseSettings, load
from tests.core.events.crashing import NOTES, NotedStorage
from tests.core.events.judging import broken_rules
from tests.core.events.ledgers import Ledger, Row, read_ledgers
from tests.core.events.model import replayed
from tests.core.events.player import NotingAcceptor

AT_ONCE = 10
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. `wrong` is what the judge found, `ends` how many waits ended how."""

    wrong: list[str]
    ends: Counter[str]
    crashes: int
    events: int


async def interleave(url: str, seed: int, count: int) -> Verdict:
    """Play `count` worlds of `seed`, some at a time, and judge them."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(NOTES)
    told = await _play(url, seed, count)
    await _accept_rest(url, told)
    ledgers = await read_ledgers(url)
    wrong = list(told.errors)
    for ledger in ledgers:
        ledger.opened, ledger.closed = told.opened, told.closed
        found = [*broken_rules(ledger), *replayed(ledger), *told.doubled(ledger)]
        wrong += [f"{ledger.tenant}: {each}" for each in found]
    ends = Counter(_end(ledger, wait) for ledger in ledgers for wait in ledger.waits.values())
    return Verdict(wrong, ends, told.crashes, sum(len(ledger.events) for ledger in ledgers))


class _Told:
    """What the processes say."""

    def __init__(self) -> None:
        self.opened: dict[str, Any] = {}
        self.closed: dict[str, Any] = {}
        self.staged: Counter[str] = Counter()
        self.errors: list[str] = []
        self.crashes = 0

    def add(self, said: dict[str, Any]) -> None:
        self.opened |= said["opened"]
        self.closed |= said["closed"]
        self.staged.update(said["staged"])
        self.errors += said["errors"]
        self.crashes += said["crashes"]

    def doubled(self, ledger: Ledger) -> Iterator[str]:
        for event in ledger.events.values():
            if self.staged[f"{ledger.tenant}/{event['event_id']}"] > 1:
                yield f"event {event['event_id']} was new more than once"


async def _play(url: str, seed: int, count: int) -> _Told:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.core.events.inbox_worker", url, str(seed)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=256 * 1024 * 1024,
    )
    told = _Told()
    try:
        # All begin a group together: only what happens at once is of interest.
        for begin in range(-AT_ONCE, count, AT_ONCE):
            end, ahead = min(begin + AT_ONCE, count), min(begin + 2 * AT_ONCE, count)
            await _group(process, f"{max(begin, 0)} {max(end, 0)} {ahead}\n")
        said, _ = await asyncio.wait_for(process.communicate(b""), PATIENCE)
        for each in json.loads(said):
            told.add(each)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return told


async def _group(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line.encode())
    await process.stdin.drain()
    answer = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    assert answer == b"done\n", f"a process ended in group {line}"


async def _accept_rest(url: str, told: _Told) -> None:
    """What crashed relays had claimed, when their leases are over."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(
            "UPDATE workflow_events SET accept_due_at = clock_timestamp() WHERE state = 'STAGED'"
        )
    database = Database(load(DatabaseSettings, {"DATABASE_URL": url}))
    try:
        storage = NotedStorage(database)
        acceptor = NotingAcceptor(storage, told.errors)
        await Relay(storage=storage, acceptor=acceptor, metrics=Metrics()).accept_due()
    finally:
        await database.close()


def _end(ledger: Ledger, wait: Row) -> str:
    if wait["event_id"] is None:
        return wait["status"]
    delivered = any(each["wait_id"] == wait["id"] for each in ledger.deliveries)
    return "met" if delivered else "looked back"

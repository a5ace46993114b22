"""Workers that are killed and started again until a run has ended."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from temporalio.client import Client

from tests.durable.actions import COUNTER
from tests.durable.definitions import COUNTED, POSTED, boundaries
from tests.durable.world import World
from tests.services.command import Command, client, eventually, running
from tests.services.definitions import FINAL
from tests.services.keyed_service import keyed_service

MODULE = "tests.services.chaos_worker"
SIDES = ("before", "after")
KILLED: Mapping[str, Any] = {"status": "killed"}
PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Killed:
    """How a run went. `met`: the activities in the order of their first attempt."""

    row: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    kills: int
    met: Sequence[str]
    counted: Counter[str]
    posted: Sequence[str]

    def check(self) -> None:
        """Finished; no effect is lost and none is doubled."""
        assert self.row["status"] == "SUCCEEDED", self.row
        assert self.counted == Counter(COUNTED)
        assert self.posted == sorted(POSTED)
        assert {step["status"] for step in self.steps} == {"SUCCEEDED"}
        assert len({step["path"] for step in self.steps}) == len(self.steps)


async def run_killed(
    environ: dict[str, str],
    temporal: Client,
    folder: Path,
    points: Sequence[tuple[int, str]],
    *,
    key: str = "once",
) -> Killed:
    """A run of `boundaries` whose worker dies at each of `points`: number of an activity, side.

    `folder` is its own, and so is `key`, by which it is started.
    """
    (folder / "kills").write_text("".join(f"{number} {side}\n" for number, side in points))
    url = environ["DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(COUNTER)
        await connection.execute("TRUNCATE chaos_counts")
    environ = {**environ, "CHAOS_FOLDER": str(folder)}
    async with keyed_service() as service:
        run = _Killing(environ, temporal, service.url, key)
        row = None
        for _ in range(len(points) + 1):
            row = await run.until_killed()
            if row is not None:
                break
        assert row is not None, f"it still ran after {run.kills} kills"
        posted = service.effects
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute("SELECT step FROM chaos_counts")
        counted = Counter[str](step for (step,) in await found.fetchall())
    met = (folder / "met").read_text().splitlines()
    return Killed(row, run.steps, run.kills, met, counted, posted)


class _Killing:
    """One run, and one worker after the other."""

    def __init__(
        self, environ: Mapping[str, str], temporal: Client, service_url: str, key: str
    ) -> None:
        self._environ = environ
        self._key = key
        self._temporal = temporal
        self._payload = {"url": service_url}
        self._run_id: UUID | None = None
        self.kills = 0
        self.steps: Sequence[Mapping[str, Any]] = ()

    async def until_killed(self) -> Mapping[str, Any] | None:
        """The row of the run, if it has ended; None if the worker has ended before."""
        async with running(environ=self._environ, module=MODULE) as command:

            async def look() -> str | None:
                ready = command.actions("process.ready")
                return ready[0]["url"] if ready else None if command.is_running else "killed"

            url = await eventually(look, "the worker serves")
            if url != "killed":
                async with client(f"{url}/api/v1") as api:
                    row = await self._ended(command, World(api, self._temporal))
                    if row is not None:
                        return row
            assert await command.ended() == -signal.SIGKILL, command.output
            self.kills += 1
            return None

    async def _ended(self, command: Command, world: World) -> Mapping[str, Any] | None:
        async def look() -> Mapping[str, Any] | None:
            if not command.is_running:
                return KILLED
            try:
                if self._run_id is None:
                    await world.publish(boundaries("boundaries"))
                    self._run_id = await world.start_again(
                        "boundaries", self._payload, key=self._key
                    )
                row = await world.row(self._run_id)
                if row["status"] not in FINAL:
                    return None
                self.steps = await world.steps(self._run_id)
            except httpx.TransportError:
                return None
            return row

        row = await eventually(look, "the run ended, or its worker", seconds=PATIENCE)
        return None if row is KILLED else row

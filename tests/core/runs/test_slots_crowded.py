"""Many launch, begin, end and cancel runs of the same keys at the same time."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import text

from alga_workflows_core.errors import NoSlotError
from alga_workflows_core.runs.admission import OfSchedule
from alga_workflows_core.runs.slots import SlotKeeper
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.schedule_fires import schedule_of_key
from alga_workflows_core.types.states import RunStatus
from tests.core.runs.limited import World, limited

KEYS = ("a", "b", "c")
LIMIT = 2
AT_ONCE = 8
DEEDS = 60
SCHEDULES = (
    None,
    OfSchedule(id="patient", overlap="queue"),
    OfSchedule(id="other", overlap="queue"),
    OfSchedule(id="newest", overlap="cancelOldest"),
)
MODES = {"queueing": "queue", "latest": "cancelOldest", "strict": "reject"}

# Of a key, those that have begun and not ended, and whether somebody waits who came before one of
# them; those that make others leave do not wait in the order of the rest.
_OVERTAKEN = text("""
    SELECT count(*) FROM alga_run_slots h JOIN alga_run_slots w
      ON w.kind = h.kind AND w.owner = h.owner AND w.key = h.key
      AND w.state = 'WAITING' AND NOT w.leaving
    WHERE h.state = 'HELD' AND w.position < h.position
""")


@dataclass(slots=True)
class Crowd:
    """Those who act, and the judge: how many runs of a key are under way by their own count."""

    world: World
    chance: random.Random
    running: dict[tuple[str, str], list[RunRow]] = field(
        default_factory=dict[tuple[str, str], list[RunRow]]
    )
    of_schedules: Counter[str] = field(default_factory=Counter[str])
    queued: list[RunRow] = field(default_factory=list[RunRow])
    most: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    async def act(self) -> None:
        for _ in range(DEEDS):
            deed = self.chance.choices(
                (self.launch, self.begin, self.end, self.cancel), weights=(5, 5, 4, 1)
            )[0]
            await deed()

    async def launch(self) -> None:
        identity, key = self.chance.choice(list(MODES)), self.chance.choice(KEYS)
        schedule = self.chance.choice(SCHEDULES)
        name = f"{'' if schedule is None else schedule.id}@{uuid4()}"
        try:
            self.queued.append(await self.world.launch(identity, key, name=name, schedule=schedule))
        except NoSlotError:
            assert MODES[identity] == "reject"

    async def begin(self) -> None:
        for run in await self.world.begin(5):
            of = (run.definition_id, str(run.payload["key"]))
            there = self.running.setdefault(of, [])
            there.append(run)
            self.most[of] = max(self.most[of], len(there))
            if (schedule := schedule_of_key(run.execution_key)) != "":
                self.of_schedules[schedule] += 1
                assert self.of_schedules[schedule] == 1, schedule

    async def end(self) -> None:
        under_way = [of for of, runs in self.running.items() if runs]
        if not under_way:
            return
        there = self.running[self.chance.choice(under_way)]
        run = there.pop(self.chance.randrange(len(there)))
        self.of_schedules[schedule_of_key(run.execution_key)] -= 1
        if self.chance.random() < 0.5:
            await self.world.finish(run)
        else:
            assert await self.world.close(run)

    async def cancel(self) -> None:
        """One that has not begun, as far as is known."""
        if not self.queued:
            return
        run = await self.world.row(self.queued.pop(self.chance.randrange(len(self.queued))).id)
        if run.status is RunStatus.QUEUED:
            await self.world.close(run)


async def test_the_limit_holds_in_a_crowd(world: World) -> None:
    """Never are more runs of a key, or of a schedule, under way than may be; nobody is overtaken,
    no slot is lost and nobody waits for ever."""
    seed = int(os.environ.get("ALGA_CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    sys.stderr.write(f"ALGA_CHAOS_SEED={seed}\n")
    for identity, mode in MODES.items():
        await world.publish(limited(identity, limit=LIMIT, onLimit=mode))
    crowd = Crowd(world, random.Random(seed))  # noqa: S311 - repeatable is the point
    await asyncio.gather(*(crowd.act() for _ in range(AT_ONCE)))
    assert crowd.most
    assert max(crowd.most.values()) == LIMIT
    # Until nothing is left to do.
    while True:
        async with world.storage.database.connect() as connection:
            assert await connection.scalar(_OVERTAKEN) == 0
        await world.leave()
        await crowd.begin()
        if not any(crowd.running.values()):
            break
        await crowd.end()
    assert max(crowd.most.values()) == LIMIT
    assert await world.states() == {}
    await SlotKeeper(world.storage).mend()
    async with world.storage.database.connect() as connection:
        left = await connection.execute(
            text("SELECT DISTINCT status FROM workflow_runs ORDER BY status")
        )
        assert left.scalars().all() == ["CANCELED", "SUCCEEDED"]

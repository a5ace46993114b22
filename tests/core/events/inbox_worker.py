"""One of the four processes: `python -m tests.core.events.inbox_worker URL SEED LANE`.

It reads lines of three numbers, plays its lane of the worlds from the first to the second, all at
once, and the preludes of some of those up to the third, and says `done`. At the end of its input it
writes what its runs were told, a `Told` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict

import structlog

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from tests.core.events.crashing import NotedStorage, watch
from tests.core.events.plans import PROCESSES, world
from tests.core.events.player import Player, Told


async def _main(url: str, seed: int, lane: int) -> None:
    settings = load(DatabaseSettings, {"DATABASE_URL": url, "WORKFLOW_DATABASE_POOL_SIZE": "16"})
    database = Database(settings)
    watch(database)
    told = Told()
    player = Player(NotedStorage(database), url, told)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        begin, end, ahead = (int(each) for each in line.split())
        lanes = [world(seed, number) for number in range(begin, end)]
        mine = [number for number in range(end, ahead) if number % PROCESSES == lane]
        preludes = [world(seed, number) for number in mine]
        await asyncio.gather(
            *(player.play(each, each.lanes[lane]) for each in lanes),
            *(player.play(each, each.prelude) for each in preludes),
        )
        _say("done\n")
    await database.close()
    _say(json.dumps(asdict(told)))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    # What is injected is no news.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

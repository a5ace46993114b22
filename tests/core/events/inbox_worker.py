"""The four processes: `python -m tests.core.events.inbox_worker URL SEED`.

It reads lines of three numbers. Each process plays its lane of the worlds from the first to the
second, all at once, and the preludes of some of those up to the third; then it says `done`. At the
end of its input it writes what runs were told, a list with a `Told` of each process as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import structlog

from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from tests.core.events.crashing import NotedStorage, watch
from tests.core.events.plans import PROCESSES, world
from tests.core.events.player import Player, Told


def _main(url: str, seed: int) -> None:
    # Forked with everything imported: that would take longer than a hundred worlds.
    gc.freeze()
    fork = multiprocessing.get_context("fork")
    ends: list[Any] = []
    for lane in range(PROCESSES):
        ours, theirs = fork.Pipe()
        ends.append(ours)
        fork.Process(target=_process, args=(theirs, ends, url, seed, lane), daemon=True).start()
        theirs.close()
    for line in sys.stdin:
        _all(ends, [int(each) for each in line.split()])
        _say("done\n")
    _say(json.dumps(_all(ends, None)))


def _all(ends: Sequence[Any], what: object) -> list[Any]:
    for each in ends:
        each.send(what)
    return [each.recv() for each in ends]


def _process(pipe: Any, inherited: Sequence[Any], url: str, seed: int, lane: int) -> None:
    for each in inherited:
        # Or nobody would ever see the end of the one who forked us.
        each.close()
    gc.set_threshold(20_000)
    asyncio.run(_play(pipe, url, seed, lane))


async def _play(pipe: Any, url: str, seed: int, lane: int) -> None:
    settings = load(DatabaseSettings, {"DATABASE_URL": url, "WORKFLOW_DATABASE_POOL_SIZE": "16"})
    database = Database(settings)
    watch(database)
    told = Told()
    player = Player(NotedStorage(database), url, told, seed)
    loop = asyncio.get_running_loop()
    while (numbers := await loop.run_in_executor(None, pipe.recv)) is not None:
        begin, end, ahead = numbers
        lanes = [world(seed, number) for number in range(begin, end)]
        mine = [number for number in range(end, ahead) if number % PROCESSES == lane]
        preludes = [world(seed, number) for number in mine]
        await asyncio.gather(
            *(player.play(each, each.lanes[lane], at_once=True) for each in lanes),
            *(player.play(each, each.prelude) for each in preludes),
        )
        pipe.send("done")
    await database.close()
    pipe.send(asdict(told))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    # What is injected is no news.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    _main(sys.argv[1], int(sys.argv[2]))

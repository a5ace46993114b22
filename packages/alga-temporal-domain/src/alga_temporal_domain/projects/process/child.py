"""What a forked process does first and last: read its order, put up its walls, do it, end."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import sys
import threading
from typing import NoReturn
from urllib.parse import urlsplit

from alga_temporal_domain.projects.process import reading_trial, trial, work
from alga_temporal_domain.projects.process.channel import Channel
from alga_temporal_domain.projects.process.deadline import DeadlineReader, obey
from alga_temporal_domain.projects.process.frames import Start
from alga_temporal_domain.projects.process.isolation import limits
from alga_temporal_domain.projects.process.isolation.walls import Plan, Wall, isolate
from alga_temporal_domain.projects.process.measuring import Collector
from alga_temporal_domain.projects.process.order import (
    CheckOrder,
    GatesOrder,
    NamesOrder,
    ReplayOrder,
    WorkOrder,
)
from alga_workflows_core.infra.supervisor import exit_process

CRASHED = 70
"""The exit code of a process that failed in our own code (EX_SOFTWARE)."""

_SECONDS_TO_START = 10.0
_SECONDS_TO_FLUSH = 2.0
_NICE_TO_WORK = 2
_NICE_TO_TRY = 5

# Found in use after the fork: without them every process would read and compile its own.
_LATE = (
    *("concurrent.futures.thread", "encodings.idna", "encodings.ascii", "encodings.latin_1"),
    *("stringprep", "zoneinfo", "zoneinfo._zoneinfo", "tzdata", "unicodedata", "multiprocessing"),
    *("temporalio.worker", "temporalio.client", "temporalio.runtime", "temporalio.activity"),
    *("temporalio.workflow", "temporalio.contrib.pydantic", "temporalio.worker.workflow_sandbox"),
    *("temporalio.api.workflowservice.v1", "temporalio.bridge.worker", "temporalio.bridge.client"),
    *("decimal", "fractions", "statistics", "difflib", "textwrap", "string", "csv", "html"),
    *("dataclasses", "datetime", "calendar", "random", "secrets", "hashlib", "uuid", "tarfile"),
)


def preload() -> None:
    """Import what processes need; nothing of it connects, starts a thread or reads a secret."""
    for name in _LATE:
        importlib.import_module(name)


def run(*, parent: int, control_fd: int, deadline_fd: int) -> NoReturn:
    """Do what the first frame says and end the process with the code that tells how it went."""
    channel = Channel(socket.socket(fileno=control_fd))
    start = channel.start(_SECONDS_TO_START)
    collector = Collector()
    walls = _enclose(start, parent)
    channel.open()
    obey(DeadlineReader(deadline_fd))
    os.close(deadline_fd)
    code = _do(start, channel, collector, walls)
    channel.flush(_SECONDS_TO_FLUSH)
    exit_process(code)


def _enclose(start: Start, parent: int) -> tuple[Wall, ...]:
    order = start.order
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Whoever wants this process to end says so over its control socket.
        signal.signal(number, signal.SIG_IGN)
    is_work = isinstance(order, WorkOrder)
    os.nice(_NICE_TO_WORK if is_work else _NICE_TO_TRY)
    threading.stack_size(limits.STACK)
    bounds = order.bounds
    return isolate(
        Plan(
            parent=parent,
            memory_mb=bounds.memory_mb,
            threads=bounds.activities + bounds.workflows + 4 * (os.cpu_count() or 1) + 16,
            ports=(_port(order.temporal.address),) if is_work else None,
            uid=start.uid,
        )
    )


def _port(address: str) -> int:
    return urlsplit(f"//{address}").port or 7233


def _do(start: Start, channel: Channel, collector: Collector, walls: tuple[Wall, ...]) -> int:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s"
    )
    order = start.order
    if isinstance(order, CheckOrder):
        return trial.check(order, channel)
    if isinstance(order, ReplayOrder):
        return trial.replay(order, channel)
    if isinstance(order, GatesOrder):
        return reading_trial.gates(order, channel)
    if isinstance(order, NamesOrder):
        return reading_trial.names(order, channel)
    return work.run(order, channel, collector, tuple(map(str, walls)))

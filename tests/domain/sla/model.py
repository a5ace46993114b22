"""An independent model of a clock: it goes through every minute and shares no code with ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from tests.core.calendars.judge import Judge

MINUTE = timedelta(minutes=1)


@lru_cache(maxsize=2)
def _judge(document: str, first: date, days: int) -> Judge:
    """A judge knows each minute of its days, which takes seconds for a year."""
    return Judge(json.loads(document), first, days)


@dataclass
class Model:
    """What a clock of whole minutes has been through. `reached`: the minute of each percent."""

    document: dict[str, Any]
    start: datetime
    days: int
    target: int
    percents: Sequence[int]
    minutes: int = 0
    reached: dict[int, datetime] = field(default_factory=dict[int, datetime])

    def __post_init__(self) -> None:
        self._judge = _judge(json.dumps(self.document), self.start.date(), self.days)

    def run(self, paused: Sequence[tuple[datetime, datetime]], end: datetime) -> None:
        """Go from the start to `end`, all pauses left out."""
        at, waiting = self.start, list(paused)
        while at < end:
            while waiting and waiting[0][1] <= at:
                waiting.pop(0)
            stands = bool(waiting) and waiting[0][0] <= at
            if not stands and self._judge.open_at(at):
                self.minutes += 1
                for percent in self.percents:
                    if self.minutes * 100 >= self.target * percent:
                        self.reached.setdefault(percent, at + MINUTE)
            at += MINUTE

"""Steps that wait to be tried again, for those who ask where a run stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The step at `path` is tried again at `due`, as attempt number `attempt`.

    `since`: when the attempt before failed. Neither that nor `code`, that of its error, is known in
    an execution that has gone on from another one.
    """

    path: str
    attempt: int
    due: datetime
    since: datetime | None = None
    code: str | None = None

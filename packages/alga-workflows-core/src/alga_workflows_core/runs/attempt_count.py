"""How often the handler of an action has failed within one activity.

Temporal counts attempts of the activity, and those whose worker was lost or was stopped among them.
A remote activity keeps its own count in the details of its heartbeats, which reach the next attempt
wherever it is made. Attempts of a local activity are all made by one process, which remembers those
that do not count; if it is lost, Temporal counts from one again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, cast

from temporalio import activity

_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    """`failures` of the handler; `postponed`: how often in a row it could not be called."""

    failures: int = 0
    postponed: int = 0

    def failed(self) -> Count:
        return Count(self.failures + 1)

    def delayed(self) -> Count:
        return Count(self.failures, self.postponed + 1)

    def beat(self) -> None:
        """Report that this attempt is alive, with the count. Nothing in a local activity."""
        activity.heartbeat({"failures": self.failures, "postponed": self.postponed})


class LocalCounts:
    """The counts of local activities that have failed in this process."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], Count] = OrderedDict()

    def now(self) -> Count:
        """The count of the activity that is running, local or remote."""
        info = activity.info()
        if not info.is_local:
            return _of_details(info.heartbeat_details)
        if info.attempt == 1:
            return Count()
        # An attempt that this process has lost track of counts.
        return self._counts.get(_key(info), Count(info.attempt - 1))

    def keep(self, count: Count) -> None:
        """For the next attempt of the activity that is running."""
        info = activity.info()
        if not info.is_local:
            count.beat()
            return
        self._counts[_key(info)] = count
        self._counts.move_to_end(_key(info))
        while len(self._counts) > _MOST_REMEMBERED:
            self._counts.popitem(last=False)

    def forget(self) -> None:
        """The activity that is running has an outcome."""
        self._counts.pop(_key(activity.info()), None)


def _key(info: activity.Info) -> tuple[str, str]:
    return info.workflow_run_id or "", info.activity_id


def _of_details(details: Any) -> Count:
    if not details:
        return Count()
    told = cast("dict[str, int]", details[0])
    return Count(told["failures"], told["postponed"])

"""Ordinary Temporal code, which has to pass without a finding."""

from __future__ import annotations

ORDINARY: dict[str, dict[str, str]] = {
    "signals-queries-updates": {
        "flows.py": '''
"""A workflow that is asked, told and changed."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from steps import Order, charge, refund, ship

__all__ = ["Approve", "OrderFlow"]


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"

    @property
    def final(self) -> bool:
        return self is Status.DONE


@dataclass(frozen=True, slots=True)
class Approve:
    by: str
    note: str | None = None
    tags: list[str] = field(default_factory=list)


@dataclass
class State:
    status: Status = Status.OPEN
    approvals: dict[str, Approve] = field(default_factory=dict)
    history: "deque[str]" = field(default_factory=deque)


RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_attempts=3,
    non_retryable_error_types=["ValueError"],
)


@workflow.defn(name="order")
class OrderFlow:
    def __init__(self) -> None:
        self._state = State()
        self._pending: asyncio.Queue[str] = asyncio.Queue()
        self._lock = asyncio.Lock()
        self._tasks: list[asyncio.Task[Any]] = []
        self.__secret = 1

    @workflow.run
    async def run(self, input: Order) -> dict[str, Any]:
        compensations = []
        try:
            async with asyncio.timeout(3600):
                await workflow.wait_condition(
                    lambda: bool(self._state.approvals), timeout=timedelta(hours=1)
                )
            compensations.append(refund)
            paid = await workflow.execute_activity(
                charge, input, start_to_close_timeout=timedelta(minutes=1), retry_policy=RETRY
            )
            results = await asyncio.gather(
                *(
                    workflow.execute_activity(
                        ship, line, start_to_close_timeout=timedelta(seconds=30)
                    )
                    for line in input.lines
                ),
                return_exceptions=True,
            )
        except (ActivityError, asyncio.TimeoutError) as error:
            for compensation in reversed(compensations):
                await workflow.execute_activity(
                    compensation, input, start_to_close_timeout=timedelta(minutes=1)
                )
            if is_cancelled_exception(error):
                raise
            raise ApplicationError(f"order {input.id!r} failed: {error}", type="Failed") from error
        while not self._pending.empty():
            self._state.history.append(self._pending.get_nowait())
        workflow.logger.info("order %s is %s", input.id, self._state.status)
        self._state.status = Status.DONE
        await workflow.wait_condition(workflow.all_handlers_finished)
        return {"paid": paid, "shipped": [str(result) for result in results], "n": self.__secret}

    @workflow.signal
    async def approve(self, approval: Approve) -> None:
        async with self._lock:
            self._state.approvals[approval.by] = approval
            await self._pending.put(f"{approval.by:>10} {workflow.now():%Y-%m-%d}")

    @workflow.query(name="status")
    def status(self) -> Status:
        return self._state.status

    @workflow.update
    async def rename(self, name: str) -> str:
        await workflow.sleep(timedelta(milliseconds=1))
        return name.strip().title()

    @rename.validator
    def check_rename(self, name: str) -> None:
        if not name:
            raise ValueError("no name")
''',
        "steps.py": """
from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from temporalio import activity


@dataclass
class Line:
    sku: str
    count: int = 1
    unit: Literal["piece", "kg"] = "piece"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("{} of {}".format(self.count, self.sku))


@dataclass
class Order:
    id: str
    lines: list[Line] = field(default_factory=list[Line])


@activity.defn
async def charge(order: Order) -> str:
    info = activity.info()
    for line in order.lines:
        activity.heartbeat(line.sku)
        await asyncio.sleep(0)
    return json.dumps(asdict(replace(order, id=f"{order.id}-{info.attempt}")), sort_keys=True)


@activity.defn(name="ship")
def ship(line: Line) -> str:
    begin = time.monotonic()
    while not activity.is_cancelled() and time.monotonic() - begin < 0.001:
        time.sleep(0.001)
    return line.sku


@activity.defn
async def refund(order: Order) -> None:
    activity.logger.warning("refund", extra={"order": order.id})
""",
    },
    "children-and-continue-as-new": {
        "billing/__init__.py": "from .types import Page\n",
        "billing/types.py": """
from typing import Generic, NamedTuple, Optional, TypedDict, TypeVar, Union

T = TypeVar("T")
Amount = Union[int, float]


class Page(NamedTuple):
    number: int
    size: int = 10


class Totals(TypedDict, total=False):
    sum: float
    count: int


class Box(Generic[T]):
    def __init__(self, value: T, other: Optional["Box[T]"] = None) -> None:
        super().__init__()
        self.value = value
        self.other = other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Box) and self.value == other.value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"
""",
        "billing/flows.py": """
from datetime import date, datetime, timedelta, timezone
from typing import Awaitable, Callable, Optional

import temporalio.workflow as wf
from temporalio.common import SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError
from temporalio.workflow import ParentClosePolicy, defn, run

from . import types
from .types import Amount, Page, Totals

STATE = SearchAttributeKey.for_keyword("state")


class Pager:
    async def total(self, page: Page) -> Amount:
        return sum(range(page.number, page.number + page.size))


@defn(name="child")
class Child:
    @run
    async def run(self, day: date) -> Totals:
        return {"sum": float(day.day), "count": 1}


@defn
class Parent(Pager):
    @run
    async def run(self, page: Page, started: Optional[datetime] = None) -> float:
        started = started or wf.now().astimezone(timezone.utc)
        box: types.Box[int] = types.Box(page[0])
        try:
            totals = await wf.execute_child_workflow(
                Child.run,
                started.date(),
                id=f"{wf.info().workflow_id}-{page.number}",
                parent_close_policy=ParentClosePolicy.TERMINATE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )
        except ChildWorkflowError as error:
            wf.logger.error("child failed: %s", error.cause)
            raise
        handle = wf.get_external_workflow_handle("other")
        await handle.signal("approve", {"by": "me"})
        if wf.patched("v2"):
            wf.upsert_search_attributes([STATE.value_set("paging")])
        if page.number < 3 and not wf.info().is_continue_as_new_suggested():
            wf.continue_as_new(args=[page._replace(number=page.number + 1), started])
        await self._each(lambda: wf.sleep(timedelta(seconds=1)))
        return totals["sum"] + box.value + await self.total(page)

    async def _each(self, make: Callable[[], Awaitable[None]]) -> None:
        for _ in range(2):
            await make()
""",
    },
    "a-bit-of-everything": {
        "one.py": """
import base64
import bisect
import calendar
import contextlib
import copy
import decimal
import difflib
import fractions
import functools
import hashlib
import heapq
import html
import itertools
import logging
import math
import operator
import random
import re
import statistics
import string
import textwrap
import unicodedata
import uuid
import zoneinfo
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import AsyncIterator, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote, urlsplit

from temporalio import activity

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)
Point = namedtuple("Point", ["x", "y"])
WORD = re.compile(r"\\w+")
json: "dict[str, Any]" = {}


class Shape(Protocol):
    def area(self) -> float: ...


class Base(ABC):
    name: str = "base"

    @abstractmethod
    def cost(self) -> Decimal: ...

    @property
    def label(self) -> str:
        return f"{self.name}: {self.cost():.2f}"

    @classmethod
    def make(cls, **values: Any) -> "Base":
        return cls(**values)


class Flat(Base):
    def __init__(self, price: str = "1.50") -> None:
        self.price = decimal.Decimal(price)

    def cost(self) -> Decimal:
        return self.price.quantize(Decimal("0.01"), rounding=decimal.ROUND_HALF_UP)

    def __lt__(self, other: "Flat") -> bool:
        return self.price < other.price


def logged(function):
    @functools.wraps(function)
    async def inner(*args: Any, **kwargs: Any) -> Any:
        logger.info("calling %s", function.__name__)
        try:
            return await function(*args, **kwargs)
        finally:
            logger.debug("done")

    return inner


@contextlib.asynccontextmanager
async def scope(name: str) -> AsyncIterator[str]:
    yield name


def lines(text: str) -> Iterator[str]:
    yield from (line for line in text.splitlines() if line)


@functools.lru_cache(maxsize=10)
def primes(top: int) -> tuple[int, ...]:
    return tuple(n for n in range(2, top) if all(n % d for d in range(2, math.isqrt(n) + 1)))


@activity.defn
@logged
async def everything(input: dict[str, Any], format: str = "short") -> dict[str, Any]:
    counts: Counter[str] = Counter(WORD.findall(input.get("text", "")))
    groups = defaultdict(list)
    for key, values in itertools.groupby(sorted(counts), key=len):
        groups[key] += list(values)
    match input:
        case {"kind": "point", "x": int(x), **rest}:
            point = Point(x, len(rest))
        case {"kind": str() as kind}:
            point = Point(0, kind.find("a"))
        case _:
            point = Point(y=1, x=2)
    if (n := len(groups)) > 3 and format == "long":
        del groups[min(groups)]
    async with scope("x") as name:
        heap = [Flat("2"), Flat()]
        heapq.heapify(heap)
    first = heapq.heappop(heap)
    zone = zoneinfo.ZoneInfo("UTC")
    return {
        "point": point._asdict() if hasattr(point, "x") else None,
        "label": getattr(first, "label", ""),
        "hash": hashlib.sha256(base64.b64encode(b"x")).hexdigest(),
        "text": textwrap.shorten(html.escape(string.ascii_letters), 10),
        "ids": [str(uuid.uuid5(uuid.NAMESPACE_URL, quote("a b")))],
        "sum": functools.reduce(operator.add, primes(10)) + fractions.Fraction(1, 3),
        "mean": statistics.mean([1, 2, n]),
        "month": calendar.monthrange(2024, 2)[1],
        "near": difflib.get_close_matches("aple", ["apple"]),
        "form": unicodedata.normalize("NFC", name),
        "host": urlsplit("http://x/y").netloc,
        "deep": copy.deepcopy(OrderedDict(a=1)),
        "at": bisect.bisect([1, 2], 1),
        "chance": random.Random(1).random(),
        "zone": str(zone),
        "map": isinstance(input, Mapping) and cast("Shape", None) is None,
        "template": "{0:>{width}} {name} {1[key]}".format(1, {"key": 2}, width=3, name="n"),
    }
""",
    },
}
"""By name: the files of a bundle."""

"""Definitions of any shape, with scripts of what happens around them.

All of them pass validation; what fails in them fails as their authors may have wanted. Times are
small whole seconds, so that much happens at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]
Json = dict[str, Any]

ACTIONS = ("alpha", "beta", "gamma")
EVENTS = ("PAID", "SENT")
CODES = ("NOPE", "BUSY", "BROKEN")
CATEGORIES = ("Action", "Transient", "Timeout", "Expression")
PATHS = ("vars.a", "vars.b", "vars.o.x", "vars.o.y", "vars.o")
LITERALS: tuple[Any, ...] = (1, "text", None, True, [1, 2], {"a": 1})
EXPRESSIONS = (
    "payload.n",
    "vars.a",
    "$coalesce(vars.a, 0) + 1",
    "vars.b & 'x'",
    "vars.o",
    "$length($string(vars))",
    "$random()",
    "$millis()",
    "meta.state",
)
CONDITIONS = ("payload.yes", "payload.nothing", "$random() < 0.5", "vars.a = 1", "vars.b")
LONGEST = 30
DEEPEST = 5


@dataclass(frozen=True)
class Around:
    """What holds where a step is to stand."""

    depth: int = 0
    names: tuple[str, ...] = ()
    jumps: tuple[str, ...] = ()
    catching: bool = False
    saga: bool = False
    loops: int = 0

    def inside(self, **changes: Any) -> Around:
        """One level deeper."""
        return replace(self, depth=self.depth + 1, **changes)


@dataclass
class Author:
    """Writes steps; `draw` decides."""

    draw: Draw
    steps: int = 0
    calls: list[str] = field(default_factory=list[str])

    def below(self, count: int) -> int:
        return self.draw(st.integers(0, count - 1))

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def maybe(self, percent: int) -> bool:
        return self.below(100) >= 100 - percent

    def block(self, around: Around) -> list[Json]:
        return [self.step(around) for _ in range(1 + self.below(3))]

    def step(self, around: Around) -> Json:
        self.steps += 1
        simple = around.depth >= DEEPEST or self.steps > LONGEST
        kinds = _SIMPLE if simple else _SIMPLE + _COMPOSITE * 2
        if around.loops == 2:
            kinds = tuple(kind for kind in kinds if kind not in (_for_each, _while))
        if around.jumps:
            kinds = (*kinds, _jump)
        step = {"id": f"s{self.steps}"}
        return {**step, **self.pick(kinds)(self, around, step["id"])}

    def value(self, around: Around) -> Any:
        if self.maybe(30):
            return self.pick(LITERALS)
        names = (*around.names, *(("error.code", "error") if around.catching else ()))
        return {"$expr": self.pick((*EXPRESSIONS, *names))}

    def condition(self, around: Around) -> Json:
        loop = ("index % 2 = 0", "isLast") if "index" in around.names else ()
        return {"$expr": self.pick((*CONDITIONS, *loop))}

    def seconds(self) -> str:
        return f"PT{1 + self.below(4)}S"

    def retry(self) -> Json:
        policy: Json = {"maxAttempts": 1 + self.below(3), "backoffMs": 1000 * self.below(3)}
        return policy if self.maybe(30) else {**policy, "jitter": False}


Kind = Callable[[Author, Around, str], Json]


def _assign(author: Author, around: Around, _: str) -> Json:
    wanted = {author.pick(PATHS): author.value(around) for _ in range(1 + author.below(2))}
    return {"type": "transform.assign", "config": {"assign": wanted}}


def _label(author: Author, around: Around, _: str) -> Json:
    state = author.pick(["One", {"$expr": "vars.b"}])
    return {"type": "state.set", "config": {"state": state}}


def _call(author: Author, around: Around, identity: str) -> Json:
    author.calls.append(identity)
    config: Json = {"actionId": author.pick(ACTIONS), "version": 1, "inputMapping": {}}
    if author.maybe(50):
        config["inputMapping"] = {"x": author.value(around)}
    if author.maybe(50):
        config["saveAs"] = author.pick(PATHS)
    if around.saga and author.maybe(70):
        undo = {"x": {"$expr": "outcome"}}
        config["compensate"] = {"actionId": "undo", "version": 1, "inputMapping": undo}
    step: Json = {"type": "action.call", "config": config}
    if author.maybe(40):
        step["retry"] = author.retry()
    if author.maybe(40):
        step["onError"] = {"policy": author.pick(["continue", "park", "fail"])}
        if step["onError"]["policy"] == "continue" and author.maybe(50):
            step["onError"]["saveAs"] = author.pick(PATHS)
    return step


def _child(author: Author, around: Around, _: str) -> Json:
    step: Json = {"type": "control.callWorkflow", "workflowId": author.pick(["good", "bad"])}
    if author.maybe(30):
        step["mode"] = "detach"
    if author.maybe(30):
        step["onError"] = {"policy": author.pick(["continue", "park"])}
    return step if author.maybe(50) else {**step, "saveAs": author.pick(PATHS)}


def _throw(author: Author, around: Around, _: str) -> Json:
    if around.catching and author.maybe(50):
        return {"type": "control.throw"}
    return {"type": "control.throw", "code": author.pick(CODES), "details": author.value(around)}


def _return(author: Author, around: Around, _: str) -> Json:
    return {"type": "control.return", "value": author.value(around)}


def _sleep(author: Author, around: Around, _: str) -> Json:
    return {"type": "time.wait", "config": {"mode": "duration", "duration": author.seconds()}}


def _event(author: Author, around: Around, _: str) -> Json:
    def match() -> Json:
        wanted: Json = {"eventName": author.pick(EVENTS)}
        if author.maybe(40):
            wanted["assign"] = {author.pick(PATHS): {"$expr": "event.payload.n"}}
        if author.maybe(30):
            wanted["filters"] = [{"path": "payload.n", "op": ">", "value": author.below(3)}]
        if author.maybe(20):
            wanted["correlationKey"] = {"$expr": "payload.key"}
        return wanted

    how = author.pick(["one", "any", "all"])
    config: Json = match() if how == "one" else {how: [match() for _ in range(1 + author.below(2))]}
    if author.maybe(80):
        config["timeout"] = author.seconds()
        config["onTimeout"] = author.pick(["continue", "fail"])
    return {"type": "event.wait", "config": config}


def _task(author: Author, around: Around, _: str) -> Json:
    config: Json = {"taskType": "ask", "title": "Ask", "form": {"type": "object"}}
    config |= {"candidateGroups": ["people"], "timeout": author.seconds()}
    return {"type": "human.task", "config": config}


def _jump(author: Author, around: Around, _: str) -> Json:
    return {"type": author.pick(around.jumps)}


def _if(author: Author, around: Around, _: str) -> Json:
    step: Json = {"type": "control.if", "condition": author.condition(around)}
    step["then"] = author.block(around.inside())
    return {**step, "else": author.block(around.inside())} if author.maybe(50) else step


def _switch(author: Author, around: Around, _: str) -> Json:
    cases = [
        {"when": author.condition(around), "steps": author.block(around.inside())}
        for _ in range(1 + author.below(2))
    ]
    step: Json = {"type": "control.switch", "cases": cases}
    return {**step, "default": author.block(around.inside())} if author.maybe(50) else step


def _for_each(author: Author, around: Around, identity: str) -> Json:
    items = author.pick(
        [[1, 2], [], ["a", 2, None], {"$expr": "payload.list"}, {"$expr": "vars.o"}]
    )
    concurrency = author.pick([1, 2, 3, {"$expr": "payload.width"}])
    # Where concurrency is an expression a break may be written, and fails.
    jumps = ("control.continue",)
    if concurrency in (1, {"$expr": "payload.width"}):
        jumps += ("control.break",)
    names = (*around.names, "item", "index", "length", "isFirst", "isLast", f"of_{identity}")
    step: Json = {
        "type": "control.forEach",
        "items": items,
        "itemVar": f"of_{identity}",
        "concurrency": concurrency,
        "onItemError": author.pick(["fail", "continue", "collect"]),
        "body": author.block(around.inside(jumps=jumps, names=names, loops=around.loops + 1)),
    }
    if author.maybe(50):
        step["output"] = author.value(replace(around, names=names))
        step["saveAs"] = author.pick(PATHS)
    return step


def _while(author: Author, around: Around, identity: str) -> Json:
    turns = f"vars.turns_{identity}"
    count: Json = {"id": f"{identity}t", "type": "transform.assign"}
    count["config"] = {"assign": {turns: {"$expr": f"$coalesce({turns}, 0) + 1"}}}
    jumps = ("control.break", "control.continue")
    body = author.block(around.inside(jumps=jumps, loops=around.loops + 1))
    return {
        "type": "control.while",
        "condition": {"$expr": f"$coalesce({turns}, 0) < {1 + author.below(3)}"},
        "maxIterations": 1 + author.below(3),
        "body": [count, *body],
    }


def _parallel(author: Author, around: Around, _: str) -> Json:
    branches: list[Json] = []
    for number in range(1 + author.below(3)):
        branch: Json = {"id": f"b{number}", "steps": author.block(around.inside(jumps=()))}
        branches.append({**branch, "output": author.value(around)} if author.maybe(50) else branch)
    join = author.pick(["all", "any", "settled"])
    step: Json = {"type": "control.parallel", "branches": branches, "join": join}
    return {**step, "saveAs": author.pick(PATHS)} if author.maybe(50) else step


def _try(author: Author, around: Around, _: str) -> Json:
    step: Json = {"type": "control.tryCatch", "try": author.block(around.inside())}
    catches = author.maybe(70)
    if catches:
        step["catch"] = author.block(around.inside(catching=True))
        if author.maybe(40):
            step["catchOn"] = [author.pick(CODES + CATEGORIES)]
        if author.maybe(40):
            step["captureErrorAs"] = author.pick(PATHS)
    if not catches or author.maybe(50):
        step["finally"] = author.block(around.inside(jumps=()))
    return step


def _saga(author: Author, around: Around, _: str) -> Json:
    step: Json = {"type": "control.saga", "steps": author.block(around.inside(saga=True))}
    return {**step, "onFailure": "park"} if author.maybe(30) else step


_SIMPLE: tuple[Kind, ...] = (
    _assign, _call, _sleep, _event, _label, _task, _child, _call, _sleep, _throw, _return
)  # fmt: skip
_COMPOSITE: tuple[Kind, ...] = (
    _if, _switch, _for_each, _while, _parallel, _try, _saga, _parallel, _for_each, _try
)  # fmt: skip


def _scripted(author: Author) -> Json:
    """How some calls go."""
    entry: Json = {"action": author.pick((*ACTIONS, "undo"))}
    if author.maybe(60):
        entry["calls"] = 1 + author.below(2)
    how = author.pick(["result", "error", "retryable", "never", "unknown"])
    if how == "never":
        return {**entry, "never": True, "ignoresCancel": author.maybe(50)}
    if author.maybe(60):
        entry["takes"] = author.seconds()
    if how == "result":
        return {**entry, "result": {"n": author.below(3)}}
    error = {"code": author.pick(CODES), "category": author.pick(CATEGORIES)}
    entry["error"] = {**error, "retryable": how == "retryable"}
    return {**entry, "unknown": how == "unknown"}


def _operated(author: Author) -> Json:
    deed: Json = {"at": f"PT{author.below(12)}S"}
    do = author.pick(["retry", "skip", "fail", "cancel", "pause", "resume"])
    if do in ("retry", "skip", "fail") and author.calls:
        return {**deed, "do": do, "step": author.pick(author.calls), "value": {"n": 7}}
    return {**deed, "do": do if do in ("cancel", "pause") else "resume"}


def _script(author: Author) -> Json:
    events = [
        {
            "at": f"PT{author.below(12)}S",
            "name": author.pick(EVENTS),
            "payload": {"n": author.below(4)},
            "correlationKey": author.pick(["k", "other"]),
        }
        for _ in range(author.below(4))
    ]
    return {
        "payload": {
            "n": 1,
            "yes": True,
            "list": [5, 6, 7],
            "width": 1 + author.below(3),
            "key": "k",
        },
        "actions": [_scripted(author) for _ in range(author.below(5))],
        "events": events,
        "children": [
            {"workflow": "good", "result": {"n": 3}, "takes": author.seconds()},
            {"workflow": "bad", "error": {"code": "BROKEN"}},
        ],
        "tasks": [{"step": f"s{1 + author.below(9)}", "after": author.seconds(), "payload": 1}],
        "operator": [_operated(author) for _ in range(author.below(4))],
    }


@st.composite
def scenarios(draw: Draw) -> tuple[Json, Json]:
    """A definition and a script, both as documents."""
    author = Author(draw)
    document: Json = {"id": "any", "name": "Any", "steps": author.block(Around())}
    if author.maybe(30):
        document["timeout"] = f"PT{1 + author.below(15)}S"
    return document, _script(author)

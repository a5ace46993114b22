"""Hypothesis strategies for definitions over the whole grammar, with valid structure.

Expressions, paths and names are from short lists: what they mean is not the models' concern. Each
step gets an id by its number, so that two definitions have ids in common.
"""

from __future__ import annotations

import copy
from typing import Any, cast

from hypothesis import strategies as st

from alga_workflows_core.definition.events import WITHOUT_VALUE
from alga_workflows_core.definition.steps.union import STEP_MODELS

Document = dict[str, Any]
Documents = st.SearchStrategy[Document]

EXPRESSIONS: list[Any] = [{"$expr": "payload.a"}, {"$expr": "vars.b & 'ü'"}]
VALUES = st.sampled_from(
    [
        *(None, True, False, 0, -7, 1.5, 1e21, 2**53 - 1, "", "a", "yes", "1", "ü\n\t😀", [], {}),
        *EXPRESSIONS,
        [1, [None], {"x": {"$expr": "item"}}],
        {"z": 1, "a": {"y": [2.5], "b": None}, "": "", "to/cc": "~"},
    ]
)
INPUTS = st.sampled_from([{}, {"to": "a"}, {"b": {"$expr": "vars.a"}, "a": [1, None]}])
SECRETS = st.just({"key": {"$secret": "API_KEY"}, "list": [{"$secret": "OTHER"}]})
CONDITIONS = st.sampled_from([True, False, {"$expr": "payload.a > 1"}, {"$expr": "$x"}])
DURATIONS = st.sampled_from(["P30D", "PT1H30M", "P1M", "P1Y2M3W4DT5H6M7.5S", "PT0.25S"])
DURATION_VALUES = DURATIONS | st.sampled_from(EXPRESSIONS)
MILLISECONDS = st.sampled_from([1, 1000, 86_400_000])
TEXTS = st.sampled_from(["A", "Grüße 😀", " x ", "true", "a: b", *EXPRESSIONS])
NAMES = st.sampled_from([["ada"], ["ada", {"$expr": "payload.boss"}], *EXPRESSIONS])
PATHS = st.sampled_from(["vars.a", "vars.b", "vars.a.b-c", "vars._x"])
SCHEMAS = st.sampled_from(
    [
        {},
        {"type": "object"},
        {"properties": {"b": {"type": "string"}, "a": {"default": None}}, "required": ["b"]},
        {"properties": {"b": {"type": "integer"}}, "title": "T"},
    ]
)
LINES = st.sampled_from(["A", "Ein Schritt", "x" * 200])


def _object(needed: Document | None = None, **optional: Any) -> Documents:
    """Objects with the members `needed`, and any of the others."""
    fields = cast("Any", needed or {})
    return _briefly(st.fixed_dictionaries(fields, optional=optional))


def _briefly(strategy: Documents) -> Documents:
    """The same, whose `repr` is not that of everything inside: Hypothesis warns of long ones."""

    @st.composite
    def part(draw: st.DrawFn) -> Document:
        return draw(strategy)

    return part()


def _joined(*parts: Documents) -> Documents:
    """Objects with the members of all `parts`."""

    def join(objects: tuple[Document, ...]) -> Document:
        return {name: value for each in objects for name, value in each.items()}

    return _briefly(st.tuples(*parts).map(join))


NOTHING: Documents = st.just({})


@st.composite
def assignments(draw: st.DrawFn) -> Document:
    """What is set, in any order."""
    paths = draw(st.lists(PATHS, min_size=1, max_size=3, unique=True))
    return {path: draw(VALUES) for path in paths}


TIMEOUT = st.one_of(
    NOTHING,
    _object({"timeout": DURATION_VALUES}),
    _object({"timeoutMs": MILLISECONDS}),
)
_ON_TIMEOUT = st.sampled_from(["fail", "continue"])
DEADLINE = st.one_of(
    NOTHING,
    _object({"timeout": DURATION_VALUES}, onTimeout=_ON_TIMEOUT),
    _object({"timeoutMs": MILLISECONDS}, onTimeout=_ON_TIMEOUT),
)
EVENT_NAMES = st.sampled_from(["ORDER_SHIPPED", "a.b:c/d-1"])
_EVENT_PATHS = st.sampled_from(["payload", "payload.a.$b", "source", "correlationKey", "time"])
FILTERS = st.lists(
    st.one_of(
        _object(
            {
                "path": _EVENT_PATHS,
                "op": st.sampled_from(["=", "!=", "in", "not_in", ">", ">=", "<", "<="]),
                "value": VALUES,
            }
        ),
        _object(
            {
                "path": _EVENT_PATHS,
                "op": st.sampled_from(["contains", "starts_with", "ends_with"]),
                "value": VALUES,
            }
        ),
        _object({"path": _EVENT_PATHS, "op": st.sampled_from(sorted(WITHOUT_VALUE))}),
    ),
    max_size=3,
)
MATCH = _object(
    {"eventName": EVENT_NAMES},
    correlationKey=st.sampled_from(["k", 5, *EXPRESSIONS]),
    filters=FILTERS,
    lookback=DURATION_VALUES,
    assign=assignments(),
)
_ERRORS = st.lists(
    st.sampled_from(["Transient", "Timeout", "HTTP_NOT_FOUND", "X"]),
    min_size=1,
    max_size=3,
    unique=True,
)
RETRY = _object(
    {"maxAttempts": st.sampled_from([1, 3, 1000]), "backoffMs": st.sampled_from([0, 500])},
    backoffMultiplier=st.sampled_from([1, 1.5, 3]),
    maxDelayMs=st.sampled_from([1, 60_000]),
    maxElapsed=DURATIONS,
    jitter=st.booleans(),
    retryOn=_ERRORS,
)
ON_ERROR = st.one_of(
    _object({"policy": st.sampled_from(["fail", "park"])}),
    _object({"policy": st.just("continue")}, saveAs=PATHS),
)
_VERSIONS = st.sampled_from([1, 2])
UNDO = _object(
    {"actionId": st.sampled_from(["stock.release", "x"]), "version": _VERSIONS},
    inputMapping=INPUTS | SECRETS,
)
STEP = _object(name=LINES)


def _type(name: str, *parts: Documents, **needed: Any) -> Documents:
    return _joined(_object({"type": st.just(name), **needed}), *parts, STEP)


def _config(config: Documents) -> Documents:
    return _object({"config": config})


CALL = _joined(
    _object(
        {"actionId": st.sampled_from(["http.request", "a"]), "version": _VERSIONS},
        inputMapping=INPUTS | SECRETS,
        saveAs=PATHS,
        idempotencyKey=TEXTS,
        compensate=UNDO,
    ),
    TIMEOUT,
)
TASK = _joined(
    _object(
        {"taskType": st.sampled_from(["approval", "x"]), "title": TEXTS, "form": SCHEMAS},
        description=TEXTS,
        assignees=NAMES,
        candidateGroups=NAMES,
        remindEvery=DURATION_VALUES,
        quorum=st.sampled_from([1, 3]),
        assign=assignments(),
    ),
    st.one_of(NOTHING, _object({"dueIn": DURATION_VALUES}, escalateTo=NAMES)),
    DEADLINE,
)
_MOMENTS = st.sampled_from(["2026-12-24T18:00:00+01:00", "2027-01-01T00:00", *EXPRESSIONS])
_WORKING_TIMES = st.sampled_from(["PT8H", "P2D", "P1DT0.5S", *EXPRESSIONS])
PAUSE = st.one_of(
    _object({"mode": st.just("duration"), "duration": DURATION_VALUES}),
    _object({"mode": st.just("duration"), "durationMs": MILLISECONDS}),
    _object({"mode": st.just("until"), "until": _MOMENTS}),
    _object(
        {"mode": st.just("businessTime"), "duration": _WORKING_TIMES},
        calendar=st.sampled_from(["support-hours", "w"]),
    ),
)
_MATCHES = st.lists(MATCH, min_size=1, max_size=3)
WAIT = st.one_of(
    _joined(MATCH, DEADLINE),
    _joined(_object({"any": _MATCHES}), DEADLINE),
    _joined(_object({"all": _MATCHES}), DEADLINE),
)

LEAVES: list[Documents] = [
    _type("action.call", _config(CALL), _object(retry=RETRY, onError=ON_ERROR)),
    _type("state.set", _config(_object({"state": TEXTS}))),
    _type("transform.assign", _config(_object({"assign": assignments()}))),
    _type("control.break"),
    _type("control.continue"),
    _type(
        "control.throw",
        _object(code=st.sampled_from(["NO", "A_1"]), message=TEXTS, details=VALUES),
    ),
    _type("control.return", _object(value=VALUES)),
    _type(
        "control.callWorkflow",
        _object(
            {"workflowId": st.sampled_from(["send-invoice", "x"])},
            workflowVersion=_VERSIONS,
            inputMapping=INPUTS,
            saveAs=PATHS,
            mode=st.sampled_from(["wait", "detach"]),
            retry=RETRY,
            onError=ON_ERROR,
            compensate=UNDO,
        ),
    ),
    _type("time.wait", _config(PAUSE)),
    _type("event.wait", _config(WAIT)),
    _type("human.task", _config(TASK)),
]


def _composites(block: st.SearchStrategy[list[Document]]) -> list[Documents]:
    """Steps with blocks of steps."""
    cases = st.lists(_object({"when": CONDITIONS, "steps": block}), min_size=1, max_size=3)
    branches = st.lists(
        _object({"id": st.sampled_from("abc"), "steps": block}, output=VALUES),
        min_size=1,
        max_size=3,
        unique_by=_id,
    )
    loop = st.one_of(
        _object(onItemError=st.sampled_from(["fail", "continue", "collect"])),
        _object(
            {"saveAs": PATHS, "output": VALUES}, onItemError=st.sampled_from(["fail", "collect"])
        ),
        _object({"saveAs": PATHS, "onItemError": st.just("collect")}),
    )
    return [
        _type("control.if", _object({"then": block}, **{"else": block}), condition=CONDITIONS),
        _type("control.switch", _object({"cases": cases}, default=block)),
        _type(
            "control.forEach",
            _object(
                {
                    "items": st.sampled_from([[], [1, {"a": 2}], *EXPRESSIONS]),
                    "itemVar": st.sampled_from(["item", "line"]),
                    "body": block,
                },
                concurrency=st.sampled_from([1, 100, *EXPRESSIONS]),
            ),
            loop,
        ),
        _type(
            "control.while",
            _object({"body": block}),
            condition=CONDITIONS,
            maxIterations=st.sampled_from([1, 100_000]),
        ),
        _type(
            "control.parallel",
            _object(
                {"branches": branches},
                join=st.sampled_from(["all", "any", "settled"]),
                saveAs=PATHS,
            ),
        ),
        _type(
            "control.tryCatch",
            _object({"try": block}),
            st.one_of(
                _object({"finally": block}),
                _object({"catch": block}, captureErrorAs=PATHS, catchOn=_ERRORS),
                _object({"catch": block, "finally": block}, catchOn=_ERRORS),
            ),
        ),
        _type(
            "control.saga",
            _object({"steps": block}, onFailure=st.sampled_from(["compensate", "park"])),
        ),
    ]


def _id(branch: Document) -> str:
    return branch["id"]


def _steps(depth: int) -> st.SearchStrategy[list[Document]]:
    choices = list(LEAVES)
    if depth:
        choices += _composites(_steps(depth - 1)) * 2
    return st.lists(st.one_of(*choices), min_size=1, max_size=3 if depth else 2)


CONCURRENCY = _object(
    {"limit": st.sampled_from([1, 10_000])},
    key=st.sampled_from(["k", *EXPRESSIONS]),
    onLimit=st.sampled_from(["queue", "reject", "cancelOldest"]),
)
TRIGGER = _object(
    {"type": st.just("event"), "eventName": EVENT_NAMES},
    filters=FILTERS,
    payloadMapping=INPUTS,
)
_DOCUMENTS = _joined(
    _object(
        {"id": st.sampled_from(["a", "ticket-triage"]), "name": LINES},
        description=st.sampled_from(["", "Lines\nof text", "ü"]),
        resultSchema=SCHEMAS,
        zone=st.sampled_from(["UTC", "Europe/Vienna"]),
        concurrency=CONCURRENCY,
        trigger=TRIGGER,
    ),
    st.one_of(
        NOTHING, _object({"payloadSchema": SCHEMAS}), _object({"payloadSchemaRef": EVENT_NAMES})
    ),
    st.one_of(NOTHING, _object({"timeout": DURATIONS}), _object({"timeoutMs": MILLISECONDS})),
    _object({"steps": _steps(2)}),
)


def _numbered(document: Document) -> Document:
    """A copy of which each step has an id of its own."""
    made = copy.deepcopy(document)
    count = 0

    def number(value: Any) -> Any:
        nonlocal count
        if isinstance(value, list):
            return [number(each) for each in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        members, ids = cast("Document", value), cast("Document", {})
        if "type" in members and members["type"] in STEP_MODELS:
            ids = {"id": f"s{count}"}
            count += 1
        return ids | {name: number(each) for name, each in members.items()}

    made["steps"] = number(made["steps"])
    return made


def definitions() -> Documents:
    """Documents with all kinds of steps, nested up to three deep, and every field of each."""
    return _DOCUMENTS.map(_numbered)

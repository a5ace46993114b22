"""Performing an action: checks before and after, limits, and what a failure says."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import AnyHttpUrl, BaseModel, Field, SecretStr
from pydantic import ValidationError as PydanticError

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.errors import ActionError, InterruptedActionError
from alga_workflows_core.actions.lanes import MAX_LOCAL_BYTES, MAX_REMOTE_BYTES
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import Category, ConflictError
from alga_workflows_core.types.model import Model
from tests.core.actions.invocations import INVOCATION

CANARY = "ada.lovelace@example.org"


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


class Cat(Model):
    kind: Literal["cat"]


class Dog(Model):
    kind: Literal["dog"]


class Form(Model):
    """A field of every kind that Pydantic's messages could quote."""

    mail_address: Annotated[str, Field(max_length=10, pattern="^x")] = "x"
    count: Annotated[int, Field(ge=1, le=5)] = 1
    ratio: float = 0.5
    level: Literal["low", "high"] = "low"
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Cat(kind="cat")
    either: int | Cat = 1
    home: AnyHttpUrl | None = None
    lines: Annotated[list[int], Field(max_length=2)] = Field(default_factory=list[int])
    by_name: dict[str, int] = Field(default_factory=dict[str, int])
    flag: bool = True


class Anything(BaseModel):
    value: Any = None


class Measured(Anything):
    ratio: float = 0.5


class Signed(BaseModel):
    key: SecretStr


class Kept(BaseModel):
    mail_address: str = "x"


def made(raises: BaseException | None = None, answer: Any = None, **contract: Any) -> Action:
    """An action that raises or answers what it is told to."""
    terms: dict[str, Any] = {"version": 1, "kind": ActionKind.IDEMPOTENT, "timeout": 5.0}

    @action("a.b", **{**terms, **contract})
    async def handler(request: Form, invocation: Invocation) -> Anything:
        if raises is not None:
            raise raises
        return answer if answer is not None else Anything(value=request.model_dump(mode="json"))

    return handler


async def perform(performed: Action, request: dict[str, Any]) -> Any:
    return await Performer(Registry([performed])).perform("a.b", 1, request, INVOCATION)


async def failure(performed: Action, request: dict[str, Any] | None = None) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await perform(performed, request or {})
    return raised.value


async def test_the_output_comes_back_as_json() -> None:
    """Input in the names of documents, defaults filled in, output as plain JSON."""
    answer = await perform(made(), {"mailAddress": "xy", "count": 3, "home": "http://a.example"})
    assert answer["value"]["mail_address"] == "xy"
    assert answer["value"]["count"] == 3
    assert answer["value"]["home"] == "http://a.example/"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"mailAddress": f"x{CANARY}"}, "mailAddress: It has to have 10 characters at most"),
    ({"mailAddress": CANARY[:9]}, "mailAddress: It has to match the pattern ^x"),
    ({"mailAddress": {CANARY: 1}}, "mailAddress: It has to be text"),
    ({"count": CANARY}, "count: "),
    ({"count": 424242}, "count: It has to be 5 or less"),
    ({"ratio": CANARY}, "ratio: "),
    ({"level": CANARY}, "level: It has to be 'low' or 'high'"),
    ({"pet": {"kind": CANARY}}, "pet: Its 'kind' has to be one of 'cat', 'dog'"),
    ({"pet": {"kind": "cat", "name": CANARY}}, "pet.cat.name: There is no field 'name' here"),
    ({"either": CANARY}, "either"),
    ({"home": CANARY}, "home: "),
    ({"home": f"http://{CANARY}:99999"}, "home: "),
    ({"lines": [1, CANARY]}, "lines.1: "),
    ({"lines": [1, 2, 3]}, "lines: It has to have 2 entries at most"),
    ({"byName": {"a": CANARY}}, "byName.a: "),
    ({"flag": CANARY}, "flag: "),
    ({"mail_address": CANARY}, "mail_address: There is no field 'mail_address' here"),
    ({"surprise": CANARY}, "surprise: There is no field 'surprise' here"),
]


@pytest.mark.parametrize(("request_", "says"), WRONG)
async def test_a_wrong_input_is_refused_without_its_value(
    request_: dict[str, Any], says: str
) -> None:
    """The message names the field and the rule; inputs hold personal data."""
    error = await failure(made(), request_)
    assert error.error_code == "ACTION_INPUT_INVALID"
    assert error.category is Category.VALIDATION
    assert not error.retryable
    assert says in error.message
    for value in (CANARY, CANARY[:9], "424242"):
        assert value not in f"{error.info().as_json()}"


async def test_every_wrong_field_is_named_but_not_thousands() -> None:
    """All of a few; the first twenty of many."""
    error = await failure(made(), {"count": 0, "flag": 7, "x": 1})
    assert all(f"{name}: " in error.message for name in ("count", "flag", "x"))
    error = await failure(made(), {"byName": {f"n{number}": "x" for number in range(1000)}})
    assert error.message.count("byName.") == 20


def pydantic_error() -> PydanticError:
    with pytest.raises(PydanticError) as raised:
        Form.model_validate({"count": CANARY})
    return raised.value


@pytest.mark.parametrize(
    "crash",
    [
        KeyError(CANARY),
        ValueError(f"{CANARY} is no number"),
        AssertionError(),
        RecursionError(CANARY),
        ExceptionGroup(CANARY, [ValueError(CANARY)]),
        pydantic_error(),
    ],
    ids=lambda crash: type(crash).__name__,
)
async def test_a_crash_is_told_by_its_type(crash: Exception) -> None:
    """What a handler did not mean to raise may be tried again; its text is not repeated."""
    error = await failure(made(crash))
    assert error.error_code == "ACTION_FAILED"
    assert error.category is Category.ACTION
    assert error.retryable
    assert error.message == f"a.b raised {type(crash).__name__}."
    assert error.__cause__ is crash


async def test_what_an_action_means_to_raise_passes_unchanged() -> None:
    """An ActionError is the action's own; our other errors keep code, message and details."""
    meant = ActionError("DESK_CLOSED", "The desk is closed.", retryable=True, retry_after=3.0)
    assert await failure(made(meant)) is meant
    ours = ConflictError("It is taken.", code="TAKEN", remedy="Wait.", details={"by": "x"})
    error = await failure(made(ours))
    assert (error.error_code, error.message, error.remedy) == ("TAKEN", "It is taken.", "Wait.")
    assert error.info(step="s", attempt=2).as_json() == {
        "code": "TAKEN",
        "category": "Action",
        "message": "It is taken. Wait.",
        "retryable": False,
        "details": {"by": "x"},
        "step": "s",
        "attempt": 2,
    }


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        ({"body": "x" * 8000}, {"body": "x" * 8000}),
        ({"body": "x" * 9000}, {"omitted": "The details have 9012 bytes."}),
        ({"at": CIRCLE}, {"omitted": "The details are not JSON."}),
        ({"at": float("nan")}, {"omitted": "The details are not JSON."}),
        ({"at": {1, 2}}, {"omitted": "The details are not JSON."}),
        ({"at": "\ud800"}, {"omitted": "The details are not JSON."}),
        ({}, {}),
    ],
)
async def test_an_error_is_small_and_json_whatever_an_action_puts_in(
    details: dict[str, Any], kept: dict[str, Any]
) -> None:
    """It travels through history, rows and pages: 16 KiB at most."""
    error = await failure(made(ActionError("A", "\ud800" + "ü" * 10_000, details=details)))
    shown = error.info(step="s").as_json()
    assert shown["details"] == kept
    assert shown["message"].startswith("?üü")
    assert shown["message"].endswith("ü…")
    assert len(json.dumps(shown, ensure_ascii=False).encode()) <= 16 * 1024


@pytest.mark.parametrize(
    ("kind", "unknown"), [(ActionKind.READ, False), (ActionKind.IDEMPOTENT, True)]
)
async def test_a_call_that_is_cancelled_says_whether_it_may_have_taken_effect(
    kind: ActionKind, unknown: bool
) -> None:
    """Not if it only reads; an idempotent one may have, and may be made again."""
    began = asyncio.Event()

    @action("a.b", version=1, kind=kind)
    async def waits(request: Form) -> Anything:
        began.set()
        await asyncio.Event().wait()
        return Anything()

    performing = asyncio.ensure_future(perform(waits, {}))
    async with asyncio.timeout(5):
        await began.wait()
    performing.cancel()
    with pytest.raises(InterruptedActionError) as raised:
        await performing
    assert raised.value.info().code == "CANCELED"
    assert raised.value.category is Category.CANCELLED
    assert (raised.value.unknown, raised.value.repeatable) == (unknown, True)


async def test_a_cancellation_that_nobody_asked_for_is_a_crash() -> None:
    """What a handler makes of its own tasks is its own affair."""
    error = await failure(made(asyncio.CancelledError()))
    assert error.error_code == "ACTION_FAILED"
    assert error.retryable


async def test_an_action_that_takes_too_long_is_ended() -> None:
    """The attempt's timeout is the contract's; the handler is cancelled."""
    ended = asyncio.Event()

    @action("a.b", version=1, kind=ActionKind.READ, timeout=0.05)
    async def slow(request: Form) -> Anything:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Anything()

    error = await failure(slow)
    assert (error.error_code, error.category) == ("ACTION_TIMEOUT", Category.TIMEOUT)
    assert error.retryable
    assert error.message == "a.b did not finish within 0.05 s."
    assert ended.is_set()


async def test_a_timeout_of_the_handler_s_own_is_told_apart() -> None:
    """It did not use up its time; something that it waited for did not come."""
    error = await failure(made(TimeoutError(CANARY)))
    assert (error.error_code, error.category) == ("ACTION_TIMEOUT", Category.TIMEOUT)
    assert error.retryable
    assert error.message == "a.b waited for something that did not come in time."


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Kept(), "it is a Kept, not a Anything"),
        ({"value": 1}, "it is a dict, not a Anything"),
        (Measured(ratio=float("nan")), "a number that is not finite"),
        (Measured(ratio=float("-inf")), "a number that is not finite"),
        (Anything(value=2**53), "a whole number beyond 2^53 - 1"),
        (Anything(value={"a": "half \ud83d"}), "half a surrogate pair"),
        (Anything(value={"\udc00": 1}), "it has no form in JSON"),
        (Anything(value=CIRCLE), "it has no form in JSON"),
        (Anything(value=lambda: None), "it has no form in JSON"),
    ],
)
async def test_an_output_that_cannot_be_kept_is_refused(answer: Any, says: str) -> None:
    """Nothing reaches history or rows that one of their readers would stumble over."""
    error = await failure(made(answer=answer))
    assert error.error_code == "ACTION_OUTPUT_INVALID"
    assert error.category is Category.VALIDATION
    assert not error.retryable
    assert says in error.message


async def test_depth_of_an_output_is_limited() -> None:
    """A hundred levels, the outermost object counted, pass; one more does not."""
    deep: Any = 1
    for _ in range(99):
        deep = [deep]
    assert await perform(made(answer=Anything(value=deep)), {})
    error = await failure(made(answer=Anything(value=[deep])))
    assert "nested deeper than 100 levels" in error.message


async def test_large_and_small_numbers_that_are_kept_pass() -> None:
    """Doubles of any size, whole numbers within ±(2^53 - 1), and all of Unicode but halves."""
    value = [1e300, 1e17, -0.5, 2**53 - 1, -(2**53) + 1, True, None, "😀\x00"]
    assert (await perform(made(answer=Anything(value=value)), {}))["value"] == value


@pytest.mark.parametrize(
    ("contract", "limit"),
    [
        ({}, MAX_REMOTE_BYTES),
        ({"short": True, "timeout": 2.0}, MAX_LOCAL_BYTES),
        ({"kind": ActionKind.PURE}, MAX_REMOTE_BYTES),
    ],
)
async def test_the_size_of_an_output_is_limited(contract: dict[str, Any], limit: int) -> None:
    """By the contract, not by the way that the call happened to take."""
    room = limit - len('{"value": ""}')
    assert await perform(made(answer=Anything(value="x" * room), **contract), {})
    error = await failure(made(answer=Anything(value="x" * (room + 1)), **contract))
    assert (error.error_code, error.category) == ("SIZE_LIMIT", Category.LIMIT)
    assert not error.retryable
    assert error.details == {"bytes": limit + 1, "limit": limit}


async def test_an_action_that_this_worker_lacks_is_tried_elsewhere() -> None:
    """Another worker of the queue may have it."""
    performer = Performer(Registry([made()]))
    for action_id, version in (("a.b", 2), ("c.d", 1)):
        with pytest.raises(ActionError) as raised:
            await performer.perform(action_id, version, {}, INVOCATION)
        assert raised.value.error_code == "ACTION_NOT_SERVED"
        assert raised.value.category is Category.TRANSIENT
        assert raised.value.retryable


async def test_a_secret_in_an_output_stays_masked() -> None:
    """A SecretStr is not opened on its way out."""

    @action("a.b", version=1, kind=ActionKind.READ)
    async def sign(request: Form) -> Signed:
        return Signed(key=SecretStr(CANARY))

    assert await perform(sign, {}) == {"key": "**********"}

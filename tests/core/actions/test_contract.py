"""Writing an action: what the decorator takes, what it refuses, and the contract that it makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from alga_workflows_core.actions.contract import Invocation, action
from alga_workflows_core.definition.action_spec import ActionKind, RetrySpec
from alga_workflows_core.types.model import Model
from tests.core.actions.invocations import INVOCATION


class Order(Model):
    customer_id: str
    items: Annotated[list[str], Field(min_length=1)]


class Receipt(BaseModel):
    total: float


async def charge(request: Order) -> Receipt:
    """Charge a customer.

    The rest is for those who read the code.
    """
    return Receipt(total=len(request.items))


async def test_the_contract_says_all_that_people_and_runs_need() -> None:
    """Id, figures, the docstring's first line, and schemas in the names that documents use."""
    made = action(
        "billing.charge",
        version=3,
        kind=ActionKind.IDEMPOTENT,
        short=True,
        timeout=1.5,
        retry=RetrySpec(max_attempts=7),
        queue="billing",
    )(charge)
    spec = made.spec
    assert (spec.id, spec.version, spec.kind) == ("billing.charge", 3, ActionKind.IDEMPOTENT)
    assert (spec.short, spec.timeout, spec.queue) == (True, 1.5, "billing")
    assert spec.retry.max_attempts == 7
    assert spec.description == "Charge a customer."
    assert spec.input_schema["required"] == ["customerId", "items"]
    assert spec.input_schema["properties"]["items"]["minItems"] == 1
    assert spec.input_schema["additionalProperties"] is False
    assert spec.output_schema["properties"]["total"]["type"] == "number"
    assert spec.output_schema["required"] == ["total"]
    answer = await made.handler(Order(customer_id="C", items=["a", "b"]), INVOCATION)
    assert answer == Receipt(total=2)


def test_what_is_not_said_has_a_default() -> None:
    """A minute per attempt, three attempts, our own queue, not short."""
    spec = action("a.b", version=1, kind=ActionKind.READ)(charge).spec
    assert (spec.timeout, spec.short, spec.queue) == (60.0, False, "workflow-runtime-v2")
    assert spec.retry == RetrySpec()


async def test_a_handler_may_ask_which_call_it_is() -> None:
    """A second parameter gets the invocation; methods and callable objects are handlers too."""

    class Desk:
        async def told(self, request: Order, invocation: Invocation) -> Receipt:
            return Receipt(total=invocation.attempt + len(request.items))

        async def __call__(self, request: Order) -> Receipt:
            return Receipt(total=len(request.items))

    told = action("desk.told", version=1, kind=ActionKind.READ)(Desk().told)
    called = action("desk.call", version=1, kind=ActionKind.READ)(Desk())
    order = Order(customer_id="C", items=["a"])
    assert await told.handler(order, INVOCATION) == Receipt(total=3)
    assert await called.handler(order, INVOCATION) == Receipt(total=1)


def synchronous(request: Order) -> Receipt: ...


async def no_input() -> Receipt: ...


async def plain_input(request: dict[str, Any]) -> Receipt: ...


async def plain_output(request: Order) -> dict[str, Any]: ...


async def second_is_no_invocation(request: Order, other: str) -> Receipt: ...


async def too_many(request: Order, invocation: Invocation, more: Order) -> Receipt: ...


async def by_keyword(request: Order, *, invocation: Invocation) -> Receipt: ...


async def open_ended(*request: Order) -> Receipt: ...


def without(*names: str, **annotations: str) -> Any:
    """A handler of two parameters that lacks the annotations `names`, or has others."""

    async def changed(request: Order, invocation: Invocation) -> Receipt: ...

    for name in names:
        del changed.__annotations__[name]
    changed.__annotations__.update(annotations)
    return changed


REFUSED: list[Any] = [
    *(synchronous, no_input, plain_input, plain_output, second_is_no_invocation, too_many),
    *(by_keyword, open_ended, Order),
    *(without("request"), without("invocation"), without("return"), without("request", "return")),
    without(request="Nowhere"),
]


@pytest.mark.parametrize("function", REFUSED)
def test_another_shape_is_refused_with_the_right_one(
    function: Callable[..., Awaitable[Receipt]],
) -> None:
    """The TypeError names the function and says what it has to look like."""
    with pytest.raises(TypeError) as raised:
        action("a.b", version=1, kind=ActionKind.READ)(function)
    message = str(raised.value)
    assert function.__name__ in message
    assert any(hint in message for hint in ("async", "annotation"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"action_id": "Charge"}, "'Charge' is no action id"),
        ({"action_id": "a b"}, "'a b' is no action id"),
        ({"action_id": "a" * 129}, "is no action id"),
        ({"version": 0}, "versions count from 1"),
        ({"short": True, "timeout": 2.5}, "at most 2 seconds"),
        ({"timeout": 0.0}, "timeout"),
        ({"timeout": 90_000.0}, "timeout"),
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, Any], says: str) -> None:
    """What no document could call, or no run could keep, is refused where it is written."""
    given: dict[str, Any] = {"action_id": "a.b", "version": 1, "kind": ActionKind.READ, **wrong}
    with pytest.raises(ValueError, match=says):
        action(given.pop("action_id"), **given)(charge)

"""Values made into data: what is shared, what is copied, and secrets that are named only."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alga_workflows_core.errors import Category
from alga_workflows_core.interpreter.effects import ActionCall
from alga_workflows_core.types.pointers import pointer
from tests.core.interpreter.scopes import refusal, scope, secret, seen
from tests.core.interpreter.world import BEGAN, World, call, expression, walk


def test_literals_are_not_copied() -> None:
    """What holds no expression is answered as it is; around an expression, only what has to."""
    large = {"deep": [{"list": list(range(10))}, "text"]}
    assert scope().resolve(large, "step") is large
    mixed: dict[str, Any] = {"z": large, "a": [large, expression("1 + 1")], "m": None}
    before = copy.deepcopy(mixed)
    made = scope().resolve(mixed, "step")
    assert made == {"z": large, "a": [large, 2], "m": None}
    assert list(made) == ["z", "a", "m"]
    assert made["z"] is large
    assert made["a"][0] is large
    assert mixed == before


def test_an_action_gets_an_input_of_its_own() -> None:
    """Other people's code may change its input: neither the document nor a variable feels it."""
    mapping: dict[str, Any] = {"list": [{"a": 1}], "vars": expression("vars")}
    where = scope(v={"list": [1]})
    made = cast("dict[str, Any]", where.resolve_input(mapping, "step").value)
    made["list"][0]["a"] = made["list"] = made["vars"]["v"]["list"][0] = "changed"
    assert mapping == {"list": [{"a": 1}], "vars": expression("vars")}
    assert where.vars == {"v": {"list": [1]}}


def test_secrets_are_named_beside_the_input() -> None:
    """Where the document names one the input holds null, and a JSON Pointer says which it is."""
    made = scope({"a": 1}).resolve_input(
        {
            "token": secret("API_TOKEN"),
            "headers": [{"x": 1}, {"a/b~c": secret("OTHER")}],
            "plain": expression("payload.a"),
            "empty": None,
        },
        "step",
    )
    assert made.value == {
        "token": None,
        "headers": [{"x": 1}, {"a/b~c": None}],
        "plain": 1,
        "empty": None,
    }
    assert made.secrets == {"/token": "API_TOKEN", "/headers/1/a~1b~0c": "OTHER"}


LOOKALIKES = [
    secret("ADMIN_KEY"),
    {"$expr": "payload.never"},
    {"$expr": "$error('evaluated')"},
    [secret("ADMIN_KEY")],
    {"deep": {"$secret": "ADMIN_KEY", "more": [{"$expr": "1 +"}]}},
]


@pytest.mark.parametrize("data", LOOKALIKES)
@pytest.mark.parametrize(
    "text",
    [
        "payload.data",
        "vars.data",
        "item",
        "error.details",
        "{'again': payload.data}",
        "[payload.data, vars.data]",
    ],
)
def test_data_is_never_a_secret_nor_an_expression(data: Any, text: str) -> None:
    """Whoever sends `{"$secret": …}` or `{"$expr": …}` gets it back as what it is: data."""
    where = scope({"data": data}, data=data).with_names({"item": data, "error": {"details": data}})
    # The engine makes of a list of one thing that thing, as JSONata does.
    expected = seen(where, f"$string({text})")
    for mapping in ({"in": [expression(text)]}, expression(f"{{'in': [{text}]}}")):
        made = where.resolve_input(mapping, "step")
        assert made.secrets == {}
        assert "ADMIN_KEY" in str(made.value) or "$expr" in str(made.value)
    assert seen(where, text) == where.resolve_input(expression(text), "step").value
    assert where.resolve_input({"a": expression(f"$string({text})")}, "step").value == {
        "a": expected
    }
    where.assign("vars.copy", where.resolve({"in": expression(text)}, "step"), "step")
    assert where.resolve_input(expression("vars.copy"), "step").secrets == {}


def test_data_built_to_look_like_a_secret_stays_data() -> None:
    """An expression cannot name a secret either, and cannot take the place of one."""
    made = scope({"name": "ADMIN_KEY"}).resolve_input(
        {
            "built": expression("{'$secret': payload.name}"),
            "text": expression('\'{"$secret": "ADMIN_KEY"}\''),
            "": secret("REAL"),
            "~1built": secret("REAL"),
        },
        "step",
    )
    assert made.value["built"] == secret("ADMIN_KEY")
    assert made.secrets == {"/": "REAL", "/~01built": "REAL"}


@st.composite
def mappings(draw: st.DrawFn, depth: int = 3) -> tuple[Any, Any, dict[str, str]]:
    """A mapping; what it has to become over the payload; the secrets that it names."""
    kinds = ["literal", "data", "secret"] + ["object", "list"] * 2 * bool(depth)
    kind = draw(st.sampled_from(kinds))
    if kind == "secret":
        name = draw(st.sampled_from(["ONE", "TWO"]))
        return secret(name), None, {"": name}
    if kind == "data":
        index = draw(st.integers(0, len(LOOKALIKES) - 1))
        return expression(f"$lookup(payload, 'd{index}')"), LOOKALIKES[index], {}
    if kind == "literal":
        literal = draw(st.none() | st.integers(0, 9) | st.just("$secret") | st.just([]))
        return literal, literal, {}
    parts = draw(st.lists(mappings(depth=depth - 1), max_size=3))
    names: list[Any] = list(range(len(parts)))
    if kind == "object":
        names = draw(
            st.lists(
                st.sampled_from(["a", "a/b", "~", "~1", "", "0"]),
                min_size=len(parts),
                max_size=len(parts),
                unique=True,
            )
        )
    secrets = {
        pointer(name) + inner: secret_name
        for name, (_, _, found) in zip(names, parts, strict=True)
        for inner, secret_name in found.items()
    }
    made: list[Any] = [part[0] for part in parts]
    expected: list[Any] = [part[1] for part in parts]
    if kind == "list":
        return made, expected, secrets
    return (
        dict(zip(names, made, strict=True)),
        dict(zip(names, expected, strict=True)),
        secrets,
    )


@settings(max_examples=300, deadline=None)
@given(mappings())
def test_exactly_the_secrets_that_the_document_names_are_named(
    case: tuple[Any, Any, dict[str, str]],
) -> None:
    """Whatever the data looks like: no secret more, none fewer, each at its place."""
    mapping, expected, secrets = case
    where = scope({f"d{index}": data for index, data in enumerate(LOOKALIKES)})
    made = where.resolve_input(mapping, "step")
    assert made.value == expected
    assert made.secrets == secrets


@pytest.mark.parametrize("value", [secret("KEY"), [secret("KEY")], {"a": {"b": secret("KEY")}}])
def test_a_secret_is_refused_where_none_may_stand(value: Any) -> None:
    """Not even its name gets out."""
    error = refusal(lambda: scope().resolve(value, "loop/step"))
    assert (error.code, error.category, error.step) == (
        "SECRET_NOT_ALLOWED",
        Category.VALIDATION,
        "loop/step",
    )
    assert "KEY" not in str(error.as_json())
    error = refusal(lambda: scope().condition(secret("KEY"), "step"))
    assert error.code == "SECRET_NOT_ALLOWED"


@pytest.mark.parametrize(
    "value",
    [
        {"$expr": 1},
        {"$expr": None},
        {"$expr": "1", "more": 1},
        {"$expr": "1", "$secret": "KEY"},
    ],
)
def test_half_an_expression_is_refused(value: Any) -> None:
    """Publishing refuses it; a run that has it nevertheless fails at the step, with its reason."""
    for refused in (scope().resolve, scope().resolve_input, scope().condition):
        error = refusal(lambda refused=refused: refused(value, "step"))
        assert (error.code, error.category, error.step) == (
            "VALUE_MALFORMED",
            Category.VALIDATION,
            "step",
        )


@pytest.mark.parametrize("value", [{"$secret": 1}, {"$secret": "KEY", "more": 1}])
def test_half_a_secret_is_refused(value: Any) -> None:
    """It is neither opened nor taken for data."""
    error = refusal(lambda: scope().resolve_input({"a": value}, "step"))
    assert error.code == "VALUE_MALFORMED"


async def test_a_call_carries_names_of_secrets_and_no_more() -> None:
    """The call says what belongs where; facts and rows know nothing of it."""
    world = World()
    mapping = {"token": secret("API_TOKEN"), "data": expression("payload")}
    _, world = await walk([call("ask", "echo", mapping)], secret("ADMIN_KEY"), world=world)
    assert world.calls == [
        ActionCall(
            step="ask",
            action_id="echo",
            version=1,
            input={"token": None, "data": secret("ADMIN_KEY")},
            secrets={"/token": "API_TOKEN"},
            first_at=BEGAN,
        )
    ]
    assert "API_TOKEN" not in str(world.facts)


async def test_an_input_that_is_a_secret_as_a_whole_is_none() -> None:
    """An input is an object; a secret is text."""
    finished, world = await walk([call("ask", "echo", secret("API_TOKEN"))])
    assert finished.error is not None
    assert finished.error.code == "ACTION_INPUT_INVALID"
    assert world.calls == []

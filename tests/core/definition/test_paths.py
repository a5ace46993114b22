"""Paths of assignments: which may be written to, and that writing changes nothing else."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.definition.paths import assign, fault_of

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: ".".join(["vars", *names]))
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
VARIABLES = st.dictionaries(NAMES, VALUES, max_size=4)


@pytest.mark.parametrize(
    "path", ["vars.a", "vars._a", "vars.a-b.c_d.E9", f"vars.{'x' * 128}", "vars" + ".a" * 32]
)
def test_a_path_of_names_may_be_written_to(path: str) -> None:
    """`vars` and at least one name."""
    assert fault_of(path) is None


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "begin with `vars.`"),
        ("vars", "begin with `vars.`"),
        ("payload.a", "begin with `vars.`"),
        ("meta.a", "begin with `vars.`"),
        ("Vars.a", "begin with `vars.`"),
        ("vars.", "empty segment"),
        ("vars..a", "empty segment"),
        ("vars.a.", "empty segment"),
        ("vars.1a", "`1a` is not a name"),
        ("vars.a b", "`a b` is not a name"),
        ("vars.a\n", "is not a name"),
        ("vars.a[0]", "`a[0]` is not a name"),
        ("vars.ä", "`ä` is not a name"),
        (f"vars.{'x' * 129}", "is not a name"),
        ("vars" + ".a" * 33, "more than 32 names"),
        ("vars.0", "`0` is not a name"),
        ("vars. ", "` ` is not a name"),
        ("vars.a.__proto__.b", "`__proto__` is reserved"),
        ("vars.__proto__", "`__proto__` is reserved"),
        ("vars.a.constructor.b", "`constructor` is reserved"),
        ("vars.prototype", "`prototype` is reserved"),
    ],
)
def test_other_paths_are_refused_with_the_reason(path: str, says: str) -> None:
    """The reason names the part that is wrong."""
    fault = fault_of(path)
    assert fault is not None
    assert says in fault


@given(VARIABLES, PATHS, VALUES)
def test_the_value_is_found_where_it_was_put(
    variables: dict[str, Any], path: str, value: Any
) -> None:
    """Along the way, what is not an object becomes one; all else stays, and nothing is changed."""
    assert fault_of(path) is None or "reserved" in str(fault_of(path))
    before = copy.deepcopy(variables)
    made = assign(variables, path, value)
    assert variables == before

    here: Any = {"vars": made}
    former: Any = {"vars": before}
    for name in path.split("."):
        kept = members(former)
        now = members(here)
        assert {key: now[key] for key in now if key != name} == {
            key: kept[key] for key in kept if key != name
        }
        here, former = now[name], kept.get(name)
    assert here is value


def members(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def test_what_lies_beside_the_path_is_shared() -> None:
    """An assignment copies the objects along its path and no others."""
    beside = {"large": list(range(10))}
    before: dict[str, Any] = {"a": {"b": 1, "beside": beside}, "other": beside}
    made = assign(before, "vars.a.b", 2)
    assert made["a"]["beside"] is beside
    assert made["other"] is beside
    assert before["a"]["b"] == 1

"""`text.slug` and `text.truncate`: pure functions on any text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.actions.builtin import text
from alga_workflows_core.actions.contract import Action
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.perform import call_handler
from alga_workflows_core.definition.action_spec import ActionKind
from tests.core.actions.invocations import INVOCATION

SLUG, TRUNCATE = text.actions()


async def answer(action: Action, **request: Any) -> Any:
    return await call_handler(action, request, INVOCATION)


def test_both_run_inside_the_workflow() -> None:
    """They are pure: no I/O, the same answer every time."""
    assert {action.spec.id for action in text.actions()} == {"text.slug", "text.truncate"}
    assert {action.spec.kind for action in text.actions()} == {ActionKind.PURE}


@pytest.mark.parametrize(
    ("given_text", "slug"),
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("  Crème brûlée!  ", "creme-brulee"),
        ("Größe XL", "groe-xl"),
        ("a--b__c", "a-b-c"),
        ("№ 5", "no-5"),
        ("日本", ""),
        ("", ""),
        ("---", ""),
    ],
)
async def test_a_slug_is_what_is_left_of_a_text(given_text: str, slug: str) -> None:
    """Letters without accents, digits, and single hyphens between them."""
    assert await answer(SLUG, text=given_text) == {"slug": slug}


@given(st.text(max_size=200), st.integers(1, 200))
async def test_any_text_gives_a_slug(given_text: str, length: int) -> None:
    """Within its length, of a-z, 0-9 and inner hyphens; a slug of a slug is itself."""
    slug = (await answer(SLUG, text=given_text, maxLength=length))["slug"]
    assert len(slug) <= length
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug)
    assert (await answer(SLUG, text=slug, maxLength=length))["slug"] == slug


@pytest.mark.parametrize(
    ("request_", "cut", "truncated"),
    [
        ({"text": "abc", "maxLength": 3}, "abc", False),
        ({"text": "abcd", "maxLength": 3}, "ab…", True),
        ({"text": "a   bcd", "maxLength": 4}, "a…", True),
        ({"text": "abcd", "maxLength": 3, "ellipsis": "..."}, "...", True),
        ({"text": "abcd", "maxLength": 2, "ellipsis": "..."}, "..", True),
        ({"text": "abcd", "maxLength": 3, "ellipsis": ""}, "abc", True),
        ({"text": "", "maxLength": 1}, "", False),
    ],
)
async def test_a_long_text_is_cut(request_: dict[str, Any], cut: str, truncated: bool) -> None:
    """What is cut ends with the ellipsis, of which there is as much as fits."""
    assert await answer(TRUNCATE, **request_) == {"text": cut, "truncated": truncated}


@given(st.text(max_size=60), st.integers(1, 50), st.text(max_size=10))
async def test_any_text_is_cut_to_its_length(given_text: str, length: int, ellipsis: str) -> None:
    """Short text stays as it is; long text is never longer than asked for, and is marked."""
    request = {"text": given_text, "maxLength": length, "ellipsis": ellipsis}
    made = await answer(TRUNCATE, **request)
    assert len(made["text"]) <= length
    assert made["truncated"] is (len(given_text) > length)
    if made["truncated"]:
        assert made["text"].endswith(ellipsis[:length])
        kept = made["text"].removesuffix(ellipsis) if len(ellipsis) <= length else ""
        assert given_text.startswith(kept)
    else:
        assert made["text"] == given_text


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        (SLUG, {}),
        (SLUG, {"text": 5}),
        (SLUG, {"text": "a", "maxLength": 0}),
        (SLUG, {"text": "a", "max_length": 5}),
        (SLUG, {"text": "x" * 100_001}),
        (TRUNCATE, {"text": "a"}),
        (TRUNCATE, {"text": "a", "maxLength": 100_001}),
        (TRUNCATE, {"text": "a", "maxLength": 1, "ellipsis": "x" * 11}),
    ],
)
async def test_other_input_is_refused(action: Action, request_: dict[str, Any]) -> None:
    """Types and bounds are those of the schemas."""
    with pytest.raises(ActionError) as raised:
        await answer(action, **request_)
    assert raised.value.error_code == "ACTION_INPUT_INVALID"

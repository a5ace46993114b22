"""`text.*`: pure functions on any text."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.actions.answers import answer, refusal


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
    assert await answer("text.slug", text=given_text) == {"slug": slug}


@given(st.text(max_size=200), st.integers(1, 200))
async def test_any_text_gives_a_slug(given_text: str, length: int) -> None:
    """Within its length, of a-z, 0-9 and inner hyphens; a slug of a slug is itself."""
    slug = (await answer("text.slug", text=given_text, maxLength=length))["slug"]
    assert len(slug) <= length
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug)
    assert (await answer("text.slug", text=slug, maxLength=length))["slug"] == slug


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
    assert await answer("text.truncate", **request_) == {"text": cut, "truncated": truncated}


@given(st.text(max_size=60), st.integers(1, 50), st.text(max_size=10))
async def test_any_text_is_cut_to_its_length(given_text: str, length: int, ellipsis: str) -> None:
    """Short text stays as it is; long text is never longer than asked for, and is marked."""
    request = {"text": given_text, "maxLength": length, "ellipsis": ellipsis}
    made = await answer("text.truncate", **request)
    assert len(made["text"]) <= length
    assert made["truncated"] is (len(given_text) > length)
    if made["truncated"]:
        assert made["text"].endswith(ellipsis[:length])
        kept = made["text"].removesuffix(ellipsis) if len(ellipsis) <= length else ""
        assert given_text.startswith(kept)
    else:
        assert made["text"] == given_text


VALUES = {"name": "Ada", "order": {"id": 7, "sum": 2.50, "paid": True, "lines": [1]}, "none": None}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Dear {{name}}, order {{ order.id }}.", "Dear Ada, order 7."),
        ("{{order.sum}} {{order.paid}}", "2.5 true"),
        ("{{name}}{{name}}", "AdaAda"),
        ("", ""),
        ("{name} {{}} }} {{", "{name} {{}} }} {{"),
        ("{{{name}}}", "{Ada}"),
    ],
)
async def test_a_template_is_filled_in(template: str, filled: str) -> None:
    """Names in double braces, with dots into objects; all else stays as it is."""
    assert await answer("text.template", template=template, values=VALUES) == {"text": filled}


async def test_what_is_filled_in_is_not_read_again() -> None:
    """A value that looks like a placeholder is text."""
    values = {"a": "{{b}}", "b": "secret"}
    assert await answer("text.template", template="{{a}}", values=values) == {"text": "{{b}}"}


@pytest.mark.parametrize("name", ["none", "nothing", "order.nothing", "name.first", "a..b"])
async def test_a_placeholder_without_a_value_is_refused_or_blank(name: str) -> None:
    """The message names it."""
    request = {"template": f"<{{{{{name}}}}}>", "values": VALUES}
    error = await refusal("text.template", **request)
    assert error.error_code == "TEMPLATE_VALUE_MISSING"
    assert repr(name) in error.message
    assert (await answer("text.template", **request, missing="blank"))["text"] == "<>"


async def test_lists_and_objects_are_not_filled_in() -> None:
    """How they would be written is for the author to say."""
    for name in ("order", "order.lines"):
        error = await refusal("text.template", template=f"{{{{{name}}}}}", values=VALUES)
        assert error.error_code == "TEMPLATE_VALUE_TYPE"


async def test_a_template_that_multiplies_is_refused() -> None:
    """Before its text takes memory."""
    values = {"a": "x" * 500_000}
    error = await refusal("text.template", template="{{a}}" * 40_000, values=values)
    assert error.error_code == "SIZE_LIMIT"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, ["a b", "c", "d"]),
        ({"keepBlank": True}, ["a b", "", "c", "d", ""]),
        ({"trim": False}, [" a b ", "c", "d"]),
        ({"trim": False, "keepBlank": True}, [" a b ", "  ", "c", "d", ""]),
    ],
)
async def test_a_text_is_split_into_lines(options: dict[str, Any], lines: list[str]) -> None:
    """However they end; blank ones and blanks around them go unless they are wanted."""
    made = await answer("text.split_lines", text=" a b \n  \r\nc\rd\n", **options)
    assert made == {"lines": lines}


async def test_no_text_is_no_line() -> None:
    """One only where blank lines count."""
    assert (await answer("text.split_lines", text=""))["lines"] == []
    assert (await answer("text.split_lines", text="", keepBlank=True))["lines"] == [""]


@pytest.mark.parametrize(
    ("given_text", "joined", "kept"),
    [
        ("  a \t b\u00a0c  ", "a b c", "a b c"),
        ("a \n b\n\n\n\nc\r\n", "a b c", "a\nb\n\nc"),
        (" \n ", "", ""),
    ],
)
async def test_blanks_are_normalized(given_text: str, joined: str, kept: str) -> None:
    """Into one; lines stay apart where that is asked for."""
    assert (await answer("text.normalize_whitespace", text=given_text))["text"] == joined
    made = await answer("text.normalize_whitespace", text=given_text, keepLines=True)
    assert made["text"] == kept


@given(st.text(max_size=80), st.booleans())
async def test_normalizing_twice_is_normalizing_once(given_text: str, keep: bool) -> None:
    """And no blank is left at either end."""
    once = await answer("text.normalize_whitespace", text=given_text, keepLines=keep)
    assert await answer("text.normalize_whitespace", **once, keepLines=keep) == once
    assert once["text"] == once["text"].strip()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Dear <b>Ada</b>,</p><p>thank\n you.</p>", "Dear Ada,\n\nthank you."),
        ("a<br>b<br/><br>c", "a\nb\n\nc"),
        ("<div>a</div><div><div>b</div></div>", "a\nb"),
        ("<ul><li>one</li><li>two <i>x</i></li></ul>end", "- one\n- two x\n\nend"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>", "a\tb\nc"),
        ("<pre>if a:\r\n    b</pre>", "if a:\n    b"),
        ("<title>T</title><style>p{}</style><script>if (a<b) '</p>'</script>x", "x"),
        ("<SCRIPT>x</Script >y<!-- <p>no --> z<!doctype html><?php 1?>", "y z"),
        (
            "Tom &amp; J&eacute;r&#xF4;me &lt;b&gt; &nbsp;&unknown; &#0;",
            "Tom & Jérôme <b>  &unknown; \ufffd",
        ),
        ("5 < 6 <> <3 & 7", "5 < 6 <> <3 & 7"),
        ('<a title="a > b">link</a>', "link"),
        ("before <a title='never ends", "before"),
        ("before <!-- never ends", "before"),
        ("before <script> never ends", "before"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("", ""),
        ("   \n ", ""),
    ],
)
async def test_html_becomes_text(html: str, expected: str) -> None:
    """Paragraphs, lines, lists and cells; nothing that a reader does not see."""
    assert (await answer("text.html_to_text", html=html))["text"] == expected


@given(st.text("<>/!-ab&;#'\" \n=pli", max_size=80))
async def test_any_text_is_some_html(html: str) -> None:
    """No error, and never longer than what was given."""
    assert len((await answer("text.html_to_text", html=html))["text"]) <= len(html)


@pytest.mark.parametrize(
    "part",
    [
        "<",
        "</",
        "<a",
        "<a b='",
        '<a b="',
        "<!--",
        "<!",
        "<script>",
        "<p>",
        "&",
        "&#",
        "<li>",
        "]]>",
    ],
)
async def test_hostile_html_takes_no_longer(part: str) -> None:
    """A million characters in under the two seconds that a workflow may be silent."""
    began = time.perf_counter()
    await answer("text.html_to_text", html=part * (1_000_000 // len(part)))
    assert time.perf_counter() - began < 2


async def test_a_text_has_a_hash() -> None:
    """That of FIPS 180, over UTF-8."""
    made = await answer("text.hash", text="abc")
    assert made["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert await answer("text.hash", text="é") != await answer("text.hash", text="e\u0301")


@given(st.text(), st.booleans())
async def test_base64_is_undone(given_text: str, url_safe: bool) -> None:
    """In either alphabet, with or without padding and line breaks."""
    made = (await answer("text.base64_encode", text=given_text, urlSafe=url_safe))["base64"]
    assert not (url_safe and set(made) & set("+/="))
    for form in (made, made.rstrip("="), f" {made[:3]}\n{made[3:]}\n"):
        assert await answer("text.base64_decode", base64=form) == {"text": given_text}


@pytest.mark.parametrize("encoded", ["a", "a===", "ä", "a$bc", "YQ==YQ==", "/w==", "gA"])
async def test_what_is_no_base64_is_refused(encoded: str) -> None:
    """Also bytes that are no text; the message says which."""
    assert (await refusal("text.base64_decode", base64=encoded)).error_code == "TEXT_BASE64"


@pytest.mark.parametrize(
    ("action_id", "request_"),
    [
        ("text.slug", {}),
        ("text.slug", {"text": 5}),
        ("text.slug", {"text": "a", "maxLength": 0}),
        ("text.slug", {"text": "a", "max_length": 5}),
        ("text.slug", {"text": "x" * 100_001}),
        ("text.truncate", {"text": "a"}),
        ("text.truncate", {"text": "a", "maxLength": 100_001}),
        ("text.truncate", {"text": "a", "maxLength": 1, "ellipsis": "x" * 11}),
        ("text.template", {"template": "a"}),
        ("text.template", {"template": "a", "values": None}),
        ("text.template", {"template": "a", "values": {}, "missing": "keep"}),
        ("text.split_lines", {"text": None}),
        ("text.normalize_whitespace", {"text": ["a"]}),
        ("text.html_to_text", {"html": "x" * 1_000_001}),
        ("text.hash", {"text": "\ud800"}),
        ("text.base64_encode", {"text": "\ud800"}),
        ("text.base64_decode", {"base64": None}),
    ],
)
async def test_other_input_is_refused(action_id: str, request_: dict[str, Any]) -> None:
    """Types and bounds are those of the schemas."""
    assert (await refusal(action_id, **request_)).error_code == "ACTION_INPUT_INVALID"

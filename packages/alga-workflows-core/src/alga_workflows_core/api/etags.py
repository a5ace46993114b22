"""ETags of documents, and the conditional requests of RFC 9110 §13 that they are for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Response

from alga_workflows_core.errors import InputError
from alga_workflows_core.storage.condition import ANY, Condition

_IfMatch: TypeAlias = Annotated[
    list[str] | None,
    Header(alias="If-Match", description="ETags, or `*`: only if it is such a one."),
]
_IfNoneMatch: TypeAlias = Annotated[
    list[str] | None,
    Header(alias="If-None-Match", description="`*`, or ETags: only if it is no such one."),
]

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_ONE = _TAG.pattern.replace("(", "(?:")
_LIST = re.compile(rf"{_ONE}(?:[ \t]*,[ \t,]*{_ONE})*")


def etag(content_hash: str) -> str:
    """The ETag of the document with this hash."""
    return f'"{content_hash}"'


def answer_saved(response: Response, content_hash: str, *, created: bool) -> None:
    """Answer the ETag of what was stored, and 201 if it is new."""
    response.headers["ETag"] = etag(content_hash)
    if created:
        response.status_code = HTTPStatus.CREATED.value


def _save_condition(
    if_match: _IfMatch = None, if_none_match: _IfNoneMatch = None
) -> Condition | None:
    if if_match is None and if_none_match is None:
        return None
    return Condition(
        match=None if if_match is None else _tags(if_match, "If-Match", weak=False),
        none_match=None
        if if_none_match is None
        else _tags(if_none_match, "If-None-Match", weak=True),
    )


def _remove_condition(if_match: _IfMatch = None) -> Condition | None:
    return _save_condition(if_match)


SaveCondition: TypeAlias = Annotated[Condition | None, Depends(_save_condition)]
"""What If-Match and If-None-Match ask for, None if nothing; InputError if they are no lists of
ETags. If-Match compares strongly, so that a weak tag matches nothing; If-None-Match takes both.
"""
RemoveCondition: TypeAlias = Annotated[Condition | None, Depends(_remove_condition)]
"""The same for If-Match alone."""


def _tags(lines: Sequence[str], header: str, *, weak: bool) -> frozenset[str]:
    value = ",".join(lines).strip(" \t,")
    if value == ANY:
        return frozenset({ANY})
    if not _LIST.fullmatch(value):
        raise InputError(
            f"The header {header} is neither `*` nor a list of ETags.",
            code="PARAMETER_INVALID",
            path=header,
            remedy='Send the ETag as it was answered, in its quotes: `"…"`.',
        )
    # The tag `"*"` is one that no document has, other than the `*` without quotes.
    return frozenset(
        tag[2] for tag in _TAG.finditer(value) if (weak or tag[1] is None) and tag[2] != ANY
    )

"""What Pydantic finds wrong with a value, in words for people who do not know Pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alga_workflows_core.types.identifiers import WORDS

_SHOWN = 80
_LONGEST = 280

_SENTENCES: Mapping[str, str] = {
    "bool_type": "It has to be true or false",
    "dict_type": "It has to be an object",
    "enum": "It has to be one of {expected}",
    "extra_forbidden": "There is no field {name} here",
    "field_fault": "{sentence}",
    "field_needed": "{sentence}",
    "finite_number": "It has to be a finite number",
    "float_type": "It has to be a number",
    "greater_than": "It has to be more than {gt}",
    "greater_than_equal": "It has to be {ge} or more",
    "int_from_float": "It has to be a whole number",
    "int_type": "It has to be a whole number",
    "less_than": "It has to be less than {lt}",
    "less_than_equal": "It has to be {le} or less",
    "list_type": "It has to be a list",
    "literal_error": "It has to be {expected}",
    "missing": "The field {name} is missing",
    "model_attributes_type": "It has to be an object",
    "model_type": "It has to be an object",
    "string_pattern_mismatch": "{words}",
    "string_too_long": "It has to have {max_length} characters at most",
    "string_too_short": "It has to have {min_length} characters at least",
    "string_type": "It has to be text",
    "too_long": "It has to have {max_length} entries at most",
    "too_short": "It has to have {min_length} entries at least",
    "union_tag_invalid": "Its {discriminator} has to be one of {expected_tags}",
    "union_tag_not_found": "Its {discriminator} is missing",
    "value_error": "{error}",
}


def sentence(fault: Mapping[str, Any]) -> str:
    """One of `ValidationError.errors()` without its full stop and without the value it is about.

    Pydantic's own words are kept for the kinds that are not listed here. On one line, 280
    characters at most.
    """
    # A fault may quote what was written, which may be anything.
    said = "".join(char if char.isprintable() else repr(char)[1:-1] for char in _said(fault))
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


def _said(fault: Mapping[str, Any]) -> str:
    template = _SENTENCES.get(fault["type"])
    if template is None:
        return str(fault["msg"])
    place = fault["loc"]
    context = {name: _plain(value) for name, value in fault.get("ctx", {}).items()}
    if context.get("min_length") == "1":
        return "It must not be empty"
    if "pattern" in context:
        pattern = context["pattern"]
        context["words"] = WORDS.get(pattern, f"It has to match the pattern {pattern}")
    context["name"] = quoted(str(place[-1])) if place else "?"
    return template.format_map(context)


def quoted(name: str) -> str:
    """`name` in quotes, shortened if it is very long."""
    return repr(name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…")


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).rstrip(".")

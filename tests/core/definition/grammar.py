"""The grammar as data: every model of a definition document, its fields, and their options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.model import Part


def models() -> list[type[Part]]:
    """`Definition` and every model that it holds, at whatever depth, each once."""
    found: dict[type[Part], None] = {Definition: None}
    waiting: list[type[Part]] = [Definition]
    while waiting:
        for field in waiting.pop().model_fields.values():
            for model in _models_in(field.annotation):
                if model not in found:
                    found[model] = None
                    waiting.append(model)
    return list(found)


def label(model: type[Part], name: str) -> str:
    """`Model.field` of the field `name`: the model that declares it, the name in documents."""
    declaring = [each for each in model.__mro__ if name in getattr(each, "__annotations__", {})]
    return f"{declaring[-1].__name__}.{model.model_fields[name].alias or name}"


def fields() -> set[str]:
    """The label of every field of the grammar; an inherited one counts once."""
    return {label(model, name) for model in models() for name in model.model_fields}


def options() -> set[str]:
    """`Model.field=option` for every field that is one of several words."""
    return {
        f"{label(model, name)}={option}"
        for model in models()
        for name, field in model.model_fields.items()
        for option in _options_in(field.annotation)
    }


def _models_in(annotation: Any) -> Iterator[type[Part]]:
    if inspect.isclass(annotation) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _options_in(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for argument in get_args(annotation):
            yield from _options_in(argument)

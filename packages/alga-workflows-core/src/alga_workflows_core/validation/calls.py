"""Calls of actions: is there such an action, and does it get the input that it needs?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.steps import ActionConfig
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.suggest import did_you_mean


def check_call(
    config: ActionConfig, pointer: str, catalogue: Mapping[tuple[str, int], ActionSpec]
) -> Iterator[Finding]:
    """Findings of one `action.call` against the catalogue."""
    spec = catalogue.get((config.action_id, config.version))
    if spec is None:
        yield _unknown(config, pointer, catalogue)
        return
    known = list(cast("Mapping[str, object]", spec.input_schema.get("properties", {})))
    for name in cast("list[str]", spec.input_schema.get("required", [])):
        if name not in config.input_mapping:
            yield error(
                Code.ACTION_INPUT_MISSING,
                f"{pointer}/inputMapping",
                f"{spec.id} needs the input {name!r}.",
            )
    if spec.input_schema.get("additionalProperties") is False:
        for name in config.input_mapping:
            if name not in known and name != "$expr":
                yield error(
                    Code.ACTION_INPUT_UNKNOWN,
                    f"{pointer}/inputMapping/{name}",
                    f"{spec.id} has no input {name!r}.",
                    did_you_mean(name, known),
                )


def _unknown(
    config: ActionConfig, pointer: str, catalogue: Mapping[tuple[str, int], ActionSpec]
) -> Finding:
    versions = [str(version) for name, version in catalogue if name == config.action_id]
    if versions:
        return error(
            Code.ACTION_VERSION_UNKNOWN,
            f"{pointer}/version",
            f"{config.action_id} has no version {config.version}.",
            f"It has {', '.join(versions)}.",
        )
    return error(
        Code.ACTION_UNKNOWN,
        f"{pointer}/actionId",
        f"There is no action {config.action_id!r}.",
        did_you_mean(config.action_id, [name for name, _ in catalogue]),
    )

"""Calls of actions: is there such an action, and does it get the input that it needs?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.faults import quoted
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.definition.steps import ActionConfig
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.suggest import did_you_mean


def check_call(
    config: ActionConfig, here: str, catalogue: Mapping[tuple[str, int], ActionSpec]
) -> Iterator[Finding]:
    """Findings of one `action.call`, whose `config` stands at `here`, against the catalogue."""
    spec = catalogue.get((config.action_id, config.version))
    if spec is None:
        yield _unknown(config, here, catalogue)
        return
    if config.input_mapping.keys() & {"$expr", "$secret"}:
        # The whole input is computed; which fields it has is known when it runs.
        return
    known = list(cast("Mapping[str, object]", spec.input_schema.get("properties", {})))
    for name in cast("list[str]", spec.input_schema.get("required", [])):
        if name not in config.input_mapping:
            yield error(
                Code.ACTION_INPUT_MISSING,
                here + pointer("inputMapping", name),
                f"{spec.id} needs the input {name!r}.",
                f"GET /api/v1/actions describes the inputs of {spec.id}.",
            )
    if spec.input_schema.get("additionalProperties") is False:
        for name in config.input_mapping:
            if name not in known:
                yield error(
                    Code.ACTION_INPUT_UNKNOWN,
                    here + pointer("inputMapping", name),
                    f"{spec.id} has no input {quoted(name)}.",
                    did_you_mean(name, known) or f"Its inputs are {', '.join(known)}.",
                )


def _unknown(
    config: ActionConfig, here: str, catalogue: Mapping[tuple[str, int], ActionSpec]
) -> Finding:
    versions = sorted(version for name, version in catalogue if name == config.action_id)
    if versions:
        return error(
            Code.ACTION_VERSION_UNKNOWN,
            here + pointer("version"),
            f"{config.action_id} has no version {config.version}.",
            f"It has {', '.join(str(version) for version in versions)}.",
        )
    return error(
        Code.ACTION_UNKNOWN,
        here + pointer("actionId"),
        f"There is no action {config.action_id!r}.",
        did_you_mean(config.action_id, (name for name, _ in catalogue))
        or "GET /api/v1/actions lists all.",
    )

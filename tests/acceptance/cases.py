"""The scenario table: what a definition does when the world does this and that.

Each case is a folder `cases/<group>/<name>` with `definition.yaml`, `script.yaml` (payload and the
world over time, see `simulation.script`), perhaps `called/*.yaml`, and `expected.yaml`: `{status,
result?, error?, variables?, at?, steps, waits?, calls?}`. Of `error` the members that are listed
have to be equal. `steps` are lines `path STATUS` in the order in which the steps began, `waits` are
`path kind STATUS`, `calls` are `path action attempt` in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alga_workflows_core.definition.document import Definition, parse_definition
from alga_workflows_core.definition.source import read
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulation, Simulator
from alga_workflows_core.simulation.trace import step_rows, wait_rows
from alga_workflows_core.types.json import JsonObject

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """One folder, read. `documents`: all definitions as they are written, by id."""

    name: str
    definition: Definition
    script: Script
    expected: dict[str, Any]
    called: dict[str, Definition]
    documents: dict[str, JsonObject]


def _yaml(path: Path) -> Any:
    return read(path.read_bytes(), name=path.name).document


def load(folder: Path) -> Case:
    """The case in `folder`; `called/*.yaml` are the definitions that it may call."""
    document = _yaml(folder / "definition.yaml")
    called = [_yaml(path) for path in sorted(folder.glob("called/*.yaml"))]
    return Case(
        name=str(folder.relative_to(CASES)),
        definition=parse_definition(document),
        script=Script.model_validate(_yaml(folder / "script.yaml")),
        expected=_yaml(folder / "expected.yaml"),
        called={each["id"]: parse_definition(each) for each in called},
        documents={each["id"]: each for each in [document, *called]},
    )


def all_cases() -> list[Case]:
    """Every case, by name."""
    return [load(path.parent) for path in sorted(CASES.glob("*/*/definition.yaml"))]


def told(simulation: Simulation, expected: dict[str, Any]) -> dict[str, Any]:
    """What `expected` speaks of, as the simulation has it."""
    error = None if simulation.error is None else simulation.error.as_json()
    wanted: dict[str, Any] = expected.get("error") or {}
    everything: dict[str, Any] = {
        "status": simulation.status,
        "result": simulation.result,
        "error": None if error is None else {name: error.get(name) for name in wanted},
        "variables": simulation.variables,
        "at": simulation.ended_at.isoformat(),
        "steps": [f"{row.path} {row.status}" for row in step_rows(simulation.facts)],
        "outputs": [[row.path, row.output] for row in step_rows(simulation.facts)],
        "waits": [f"{row.path} {row.kind} {row.status}" for row in wait_rows(simulation.facts)],
        "calls": [f"{call.step} {call.action_id} {call.attempt}" for call in simulation.calls],
    }
    return {name: everything[name] for name in expected}


def simulate(case: Case, settles: Any = None) -> Simulation:
    """Run the case."""
    return Simulator(definitions=case.called).simulate(
        case.definition, case.script, settles=settles
    )

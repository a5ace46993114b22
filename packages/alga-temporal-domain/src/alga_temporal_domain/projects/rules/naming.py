"""Names: those of the manifest, of modules, and of the queue."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

from alga_temporal_domain.projects.bundles import TEMPORAL_NAME, Bundle
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.reading import Defined, Definition

_TAKEN = frozenset(sys.stdlib_module_names) | {
    "temporalio", "google", "nexusrpc", "typing_extensions", "pydantic", "pydantic_core",
    "annotated_types", "typing_inspection", "structlog", "anyio", "httpx", "httpcore", "h11",
    "psycopg", "psycopg_pool", "sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn",
    "prometheus_client", "psutil", "setuptools", "pkg_resources", "sitecustomize",
    "usercustomize",
}  # fmt: skip
_TAKEN_PREFIX = "alga_"


def check_names(bundle: Bundle, read: Defined, reserved: frozenset[str]) -> Iterator[Finding]:
    """The manifest names exactly what the code defines, each once, and nothing that is built in."""
    if not read.workflows and not read.activities:
        yield Finding(
            rule=Rule.NOTHING_DEFINED,
            message="The modules define neither a workflow nor an activity; "
            "mark one with @workflow.defn or @activity.defn.",
        )
    yield from _compare("workflow", read.workflows, bundle.manifest.workflows)
    yield from _compare("activity", read.activities, bundle.manifest.activities)
    for one in read.activities:
        if one.name in reserved:
            yield _at(
                one, Rule.NAME_RESERVED,
                f"The activity {one.name} is built in; give yours another name.",
            )  # fmt: skip
    code = {one.name for one in read.activities}
    for name in bundle.manifest.activities:
        if name in reserved and name not in code:
            yield Finding(
                rule=Rule.NAME_RESERVED,
                message=f"The activity {name} is built in; the manifest does not name it.",
            )


def _compare(
    kind: str, definitions: Iterable[Definition], declared: tuple[str, ...]
) -> Iterator[Finding]:
    by_name: defaultdict[str, list[Definition]] = defaultdict(list)
    for one in definitions:
        by_name[one.name].append(one)
    for name in declared:
        if name not in by_name:
            yield Finding(
                rule=Rule.NAME_MISSING,
                message=f"The manifest names the {kind} {name}, which no module defines.",
            )
    for name, found in by_name.items():
        if name not in declared:
            reason = "which the manifest does not name"
            if not re.fullmatch(TEMPORAL_NAME, name):
                reason = "which is no name: letters, digits and _ . : - after a letter, 100 at most"
            yield _at(
                found[0], Rule.NAME_UNDECLARED, f"The module defines the {kind} {name!r}, {reason}."
            )
        for again in found[1:]:
            yield _at(
                again, Rule.NAME_DUPLICATE,
                f"The {kind} {name} is defined a second time; "
                f"the first is in {found[0].path}, line {found[0].line}.",
            )  # fmt: skip


def check_modules(bundle: Bundle) -> Iterator[Finding]:
    """No module is called as one that Python or the worker has, and none is there twice."""
    names: dict[str, str] = {}
    for path in sorted(bundle.files):
        top = path.partition("/")[0].removesuffix(".py")
        if top in _TAKEN or top.startswith(_TAKEN_PREFIX) or top == "__init__":
            yield Finding(
                rule=Rule.MODULE_SHADOWED,
                message=f"{top} is the name of a module that Python or the worker has; "
                "call yours otherwise.",
                path=path,
            )
        if any(part.startswith("__") and part != "__init__.py" for part in path.split("/")):
            yield Finding(
                rule=Rule.MODULE_SHADOWED,
                message="Names of modules do not begin with two underscores.",
                path=path,
            )
        name = path.removesuffix(".py").removesuffix("/__init__")
        if name in names:
            yield Finding(
                rule=Rule.MODULE_SHADOWED,
                message=f"{names[name]} is imported by the same name; keep one of them.",
                path=path,
            )
        names[name] = path


def check_queue(bundle: Bundle, queue: str | None) -> Iterator[Finding]:
    """The queue that the code was written for is the project's."""
    written = bundle.manifest.queue
    if queue is not None and written is not None and written != queue:
        yield Finding(
            rule=Rule.QUEUE_MISMATCH,
            message=f"The manifest names the queue {written}, the project's is {queue}; "
            "name that one, or none.",
        )


def _at(one: Definition, rule: Rule, message: str) -> Finding:
    return Finding(rule=rule, message=message, path=one.path, line=one.line)

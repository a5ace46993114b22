"""What is wrong with a bundle, so that it is not activated."""

from __future__ import annotations

from enum import StrEnum

from alga_workflows_core.types.model import Model

_SHORT = 12


class Rule(StrEnum):
    """What was broken; the codes that API, rows and pages show."""

    SYNTAX = "SYNTAX"
    """A module is no Python."""
    TOO_LARGE = "TOO_LARGE"
    """More code than is read, in one module or in all, or it takes too much time or memory."""
    IMPORT_REFUSED = "IMPORT_REFUSED"
    """A module is imported that project code may not have."""
    CONSTRUCT_REFUSED = "CONSTRUCT_REFUSED"
    """A name, attribute or construct that leads out of the project's own code."""
    MODULE_SHADOWED = "MODULE_SHADOWED"
    """A module of the bundle is called as one that others import."""
    NAME_MISSING = "NAME_MISSING"
    """The manifest names something that the code does not define."""
    NAME_UNDECLARED = "NAME_UNDECLARED"
    """The code defines something that the manifest does not name."""
    NAME_DUPLICATE = "NAME_DUPLICATE"
    """Two workflows, or two activities, have one name."""
    NAME_RESERVED = "NAME_RESERVED"
    """The name of a built-in activity."""
    NOTHING_DEFINED = "NOTHING_DEFINED"
    """Neither a workflow nor an activity."""
    QUEUE_MISMATCH = "QUEUE_MISMATCH"
    """The manifest names another queue than the project has."""
    LOAD_FAILED = "LOAD_FAILED"
    """The modules could not be imported, in time and with the memory that they may have."""
    REPLAY_FAILED = "REPLAY_FAILED"
    """A run that is under way would not go on with this code."""
    UNSUPPORTED_LANGUAGE = "UNSUPPORTED_LANGUAGE"
    """Stored, but not Python, which is all that workers run."""
    HELD_UP = "HELD_UP"
    """Right, but not in force: other code of the project is wrong."""
    NOT_READ = "NOT_READ"
    """A warning: stored, and without the effect that it would be expected to have."""
    HASH_MISMATCH = "HASH_MISMATCH"
    """What is stored is not what was published under this hash."""


class Finding(Model):
    """One reason not to activate a bundle. `path` is a module's; `line` counts from 1."""

    rule: Rule
    message: str
    path: str | None = None
    line: int | None = None


def hash_mismatch(bundle_hash: str) -> Finding:
    """What is stored under this hash has another one."""
    said = f"What is stored is not what was published as {bundle_hash[:_SHORT]}…"
    return Finding(rule=Rule.HASH_MISMATCH, message=said)

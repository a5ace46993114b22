"""What a project's worker runs: Python modules with a manifest, named by their content."""

from __future__ import annotations

import asyncio
import re
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator

from alga_workflows_core.types.canonical import content_hash
from alga_workflows_core.types.model import Model

MODULE_PATH = r"^[a-z_][a-z0-9_]*(/[a-z_][a-z0-9_]*)*\.py$"
"""Where a module lies in its bundle: `workflows.py`, `billing/steps.py`, `billing/__init__.py`."""

TEMPORAL_NAME = r"^[A-Za-z][A-Za-z0-9_.:-]{0,99}$"
"""What workflows and activities may be called."""

MOST_FILES = 100
MOST_CHARACTERS = 1024 * 1024

Names = Annotated[
    tuple[Annotated[str, Field(pattern=TEMPORAL_NAME)], ...], Field(default=(), max_length=200)
]


class Limits(Model):
    """How much of a machine one worker of the project may have."""

    activities: Annotated[int, Field(ge=1, le=1000)] = 10
    """Activities at a time."""
    workflows: Annotated[int, Field(ge=1, le=1000)] = 10
    """Workflow tasks at a time."""
    memory_mb: Annotated[int, Field(ge=64, le=65536)] = 256
    """Memory of its process; a process that takes more is ended."""


class Manifest(Model):
    """What the code has to offer. The names are those that Temporal knows, each once."""

    workflows: Names
    activities: Names
    queue: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The task queue that the code was written for; None: whichever the project has."""
    limits: Limits = Limits()

    @field_validator("workflows", "activities")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError("a name is there twice")
        return tuple(sorted(names))


class Bundle(Model):
    """Immutable: whoever changes a character has another bundle.

    `files`: the text of each module by its path (`MODULE_PATH`), a hundred and 1 MiB of characters
    at most.
    """

    manifest: Manifest
    files: Annotated[dict[str, str], Field(min_length=1, max_length=MOST_FILES)]

    @field_validator("files")
    @classmethod
    def _paths_and_size(cls, files: dict[str, str]) -> dict[str, str]:
        for path in files:
            if re.fullmatch(MODULE_PATH, path) is None:
                raise ValueError(
                    f"{path!r} is no path of a module: lower case, digits and underscores, "
                    "folders apart by /, and .py at the end"
                )
        if sum(map(len, files.values())) > MOST_CHARACTERS:
            raise ValueError(f"the modules have more than {MOST_CHARACTERS} characters")
        return files

    @cached_property
    def hash(self) -> str:
        """64 hexadecimal digits of sha256 over manifest and files in canonical JSON."""
        return content_hash(self.model_dump(mode="json", by_alias=True))


def module_name(path: str) -> str:
    """`billing/steps.py` is imported as `billing.steps`, `billing/__init__.py` as `billing`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


async def hashed(bundle: Bundle) -> str:
    """Its hash, reckoned beside the event loop: for a MiB of text that takes a fifth of a second.
    InputError if a text holds half a character."""
    return await asyncio.to_thread(lambda: bundle.hash)


async def stored(content: dict[str, Any] | None, bundle_hash: str) -> Bundle | None:
    """The bundle that a row holds; None if that is not what was published under this hash."""

    def read() -> Bundle | None:
        try:
            bundle = Bundle.model_validate(content)
        except ValidationError:
            return None
        return bundle if bundle.hash == bundle_hash else None

    return await asyncio.to_thread(read)

"""Where the parts of this workspace lie, for tests that read the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Distribution name to the folder that holds its pyproject.toml.
DISTRIBUTIONS = {
    folder.name: folder
    for parent in ("packages", "services")
    for folder in sorted((ROOT / parent).iterdir())
    if (folder / "pyproject.toml").is_file()
}


@dataclass(frozen=True)
class SourceModule:
    """One module under a `src/`, by its import name."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def at(self, node: ast.AST) -> str:
        """Where `node` is, for messages."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


def import_name(distribution: str) -> str:
    """The package that a distribution installs."""
    return distribution.replace("-", "_")


def source_modules() -> Iterator[SourceModule]:
    """Every module that is shipped in a wheel."""
    for folder in DISTRIBUTIONS.values():
        source = folder / "src"
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            named = parts[:-1] if parts[-1] == "__init__" else parts
            yield SourceModule(".".join(named), path)

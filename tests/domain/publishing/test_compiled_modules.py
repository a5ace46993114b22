"""The builder's texts become modules that find each other."""

from __future__ import annotations

from uuid import UUID

import pytest

from alga_temporal_domain.projects.compiled_modules import modules_of, with_relative_imports


def test_each_workflow_has_a_package_of_its_own() -> None:
    """Named by its id, so that identifiers of two workflows cannot clash."""
    files = modules_of(UUID(int=7), "x = 1\n", "")
    package = "w_00000000000000000000000000000007"
    assert files == {
        f"{package}/__init__.py": "",
        f"{package}/workflows.py": "x = 1\n",
        f"{package}/activities.py": "",
    }


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("from activities import a, b\n", "from .activities import a, b\n"),
        ("from .activities import a\n", "from .activities import a\n"),
        ("import activities\n", "from . import activities\n"),
        ("import activities as acts\n", "from . import activities as acts\n"),
        ("import json, activities\n", "import json; from . import activities\n"),
        ("    x = 'from activities import a'\n", "    x = 'from activities import a'\n"),
        (
            "with workflow.unsafe.imports_passed_through():\n    from activities import (\n  a)\n",
            "with workflow.unsafe.imports_passed_through():\n    from .activities import (\n  a)\n",
        ),
        ("é = 1; from activities import a\n", "é = 1; from .activities import a\n"),
        (
            "x = '\u2028'\r\nfrom activities import a\r\n",
            "x = '\u2028'\r\nfrom .activities import a\r\n",
        ),
        ("import activities_of_others\n", "import activities_of_others\n"),
        ("no python at all (\n", "no python at all (\n"),
    ],
)
def test_imports_of_the_sibling_become_relative(written: str, becomes: str) -> None:
    """And nothing else is changed."""
    assert with_relative_imports(written) == becomes

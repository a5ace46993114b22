"""What no file of the repository may say, so that it works everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.workspace import ROOT

FOLDERS = ("packages", "services", "tests", "compose", "scripts", "docs", ".ci")
MADE_BY_TOOLS = {"__pycache__"}

# Put together here, or this file would be the first that mentions them.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("pythonhosted", "org"),
        ("anaconda", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("crates", "io"),
    )
)
# Places that exist on the machine of one person.
PRIVATE_PATH = re.compile(
    "|".join(
        (
            r"(?<![\w./-])/" + "(?:home|Users)" + r"/[\w.-]+",
            r"(?<![\w./-])/" + "root" + r"\b",
            r"(?<![\w./-])/" + "work" + r"\b",
            r"\b[A-Z]:\\" + "Users",
        )
    )
)


def files() -> Iterator[Path]:
    """Every file that belongs to the repository, but for the lock."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.name != "uv.lock")
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not MADE_BY_TOOLS.intersection(path.parts):
                yield path


def lines() -> Iterator[tuple[str, str]]:
    """Each line with its place."""
    for path in files():
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def test_no_registry_is_named() -> None:
    """Only the lock says where packages come from: people and build servers use their mirrors."""
    named = [
        place for place, line in lines() if any(host in line.lower() for host in REGISTRY_HOSTS)
    ]
    assert named == []


def test_no_path_of_a_machine_is_named() -> None:
    """Nothing depends on where somebody keeps the repository or lives."""
    assert [place for place, line in lines() if PRIVATE_PATH.search(line)] == []


@pytest.mark.parametrize(
    ("line", "is_private"),
    [
        ("cd /" + "home/ada/project", True),
        ("open('/" + "Users/ada/file')", True),
        ("in /" + "work/project", True),
        ("https://example.com/" + "home/page", False),
        ("GET /api/v1/definitions", False),
        ("the ./" + "work folder", False),
    ],
)
def test_what_is_a_path_of_a_machine(line: str, *, is_private: bool) -> None:
    """Homes and mounts of one machine are seen; paths of a URL are not."""
    assert bool(PRIVATE_PATH.search(line)) is is_private

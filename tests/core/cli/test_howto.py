"""The page on the command says what the command does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.core.cli.command import PROGRAM, TIMEOUT_SECONDS
from tests.core.cli.test_validate import UNREADABLE_TEXTS

PAGES = Path(__file__).resolve().parents[3] / "docs" / "howto"
PAGE = PAGES / "validate.md"


@pytest.mark.parametrize(("page", "status"), [("validate", 1), ("simulate", 0)])
def test_the_example_is_true(tmp_path: Path, page: str, status: int) -> None:
    """The documents of the page give the output of the page."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    documents = re.findall(r"`([\w.]+)`\n\n```yaml\n(.*?)```", text, re.DOTALL)
    assert documents
    ((line, printed),) = re.findall(r"```console\n\$ (.*?)\n(.*?)```", text, re.DOTALL)
    program, *arguments = line.split()
    assert program == PROGRAM.name
    for name, document in documents:
        (tmp_path / name).write_text(document, encoding="utf-8")
    ended = subprocess.run(
        [PROGRAM, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert ended.stdout == printed
    assert ended.returncode == status


def test_every_code_of_the_page_is_shown() -> None:
    """The page lists the codes of texts that cannot be read: those that the tests provoke."""
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    provoked = {code for _, _, code, _, _ in UNREADABLE_TEXTS}
    assert set(listed) == {*provoked, "FILE_UNREADABLE"}
    assert len(listed) == len(set(listed))

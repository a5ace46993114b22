"""The page on the command says what the command does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.core.cli.command import PROGRAM, TIMEOUT_SECONDS
from tests.core.cli.test_validate import UNREADABLE_TEXTS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "validate.md"


def test_the_example_is_true(tmp_path: Path) -> None:
    """The document of the page gives the output of the page."""
    text = PAGE.read_text(encoding="utf-8")
    ((name, document),) = re.findall(r"`([\w.]+)`\n\n```yaml\n(.*?)```", text, re.DOTALL)
    ((line, printed),) = re.findall(r"```console\n\$ (.*?)\n(.*?)```", text, re.DOTALL)
    program, *arguments = line.split()
    assert program == PROGRAM.name
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
    assert ended.returncode == 1


def test_every_code_of_the_page_is_shown() -> None:
    """The page lists the codes of texts that cannot be read: those that the tests provoke."""
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    provoked = {code for _, _, code, _, _ in UNREADABLE_TEXTS}
    assert set(listed) == {*provoked, "FILE_UNREADABLE"}
    assert len(listed) == len(set(listed))

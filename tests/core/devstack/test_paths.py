from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.devstack import paths


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of the test's own in place of the shared one."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A path below a regular file: nobody can create it, not even root."""
    file = tmp_path / "file"
    file.touch()
    return file / "home"


def test_folders_lie_in_the_home(tmp_path: Path) -> None:
    """Without settings both folders are made where the XDG specification has them."""
    home = {"HOME": str(tmp_path)}
    assert paths.state_folder(home) == tmp_path / ".local/state/alga-workflows/dev"
    assert paths.cache_folder(home) == tmp_path / ".cache/alga-workflows"
    assert paths.state_folder(home).is_dir()
    assert paths.cache_folder(home).is_dir()


def test_xdg_variables_win_over_the_home(tmp_path: Path) -> None:
    """XDG_STATE_HOME and XDG_CACHE_HOME are used; a relative one is ignored."""
    environ = {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": "relative",
    }
    assert paths.state_folder(environ) == tmp_path / "state/alga-workflows/dev"
    assert paths.cache_folder(environ) == tmp_path / ".cache/alga-workflows"


def test_an_unwritable_home_falls_back(unwritable: Path, temporary: Path) -> None:
    """With a home that cannot be written both folders lie in a private one below TMPDIR."""
    private = temporary / f"alga-workflows-{os.geteuid()}"
    assert paths.state_folder({"HOME": str(unwritable)}) == private / "dev"
    assert paths.cache_folder({"HOME": str(unwritable)}) == private / "cache"
    assert private.stat().st_mode & 0o777 == 0o700


def test_a_prepared_fall_back_folder_is_refused(unwritable: Path, temporary: Path) -> None:
    """A folder that others may write into is not used, because its content cannot be trusted."""
    private = temporary / f"alga-workflows-{os.geteuid()}"
    private.mkdir()
    private.chmod(0o777)
    with pytest.raises(SettingsError, match="others may write into it"):
        paths.state_folder({"HOME": str(unwritable)})


def test_workflow_dev_dir_is_the_folder_itself(tmp_path: Path) -> None:
    """WORKFLOW_DEV_DIR is used as it is, and made if it is missing."""
    folder = tmp_path / "a" / "b"
    assert paths.state_folder({"WORKFLOW_DEV_DIR": str(folder), "HOME": "/"}) == folder
    assert folder.is_dir()


def test_an_unusable_workflow_dev_dir_is_an_error(unwritable: Path, temporary: Path) -> None:
    """An explicit choice that cannot be kept is told, not replaced."""
    with pytest.raises(SettingsError, match=r"WORKFLOW_DEV_DIR names .*file/home"):
        paths.state_folder({"WORKFLOW_DEV_DIR": str(unwritable)})

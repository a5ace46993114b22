"""Where secrets come from: the environment, files, and both; each tenant has its own."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_workflows_core.definition.values import SECRET_NAME
from alga_workflows_core.errors import AlgaError, SettingsError, UnavailableError
from alga_workflows_core.infra.secrets.combined import CombinedSecrets
from alga_workflows_core.infra.secrets.environment import EnvironmentSecrets, variable
from alga_workflows_core.infra.secrets.files import FileSecrets
from alga_workflows_core.infra.secrets.port import (
    MAX_SECRET_BYTES,
    NAME,
    TENANT,
    SecretNotFoundError,
    SecretProvider,
    SecretUnusableError,
)
from alga_workflows_core.infra.secrets.settings import SecretSettings
from alga_workflows_core.infra.settings import load
from alga_workflows_core.types import identifiers

TENANTS = st.from_regex(re.compile(identifiers.TENANT), fullmatch=True)
NAMES = st.from_regex(re.compile(SECRET_NAME), fullmatch=True)

# Neither is a name; each would lead somewhere else if it were taken as a path.
NO_TENANTS = ("", ".", "..", "../acme", "acme/../other", "/etc", "-acme", "a b", "acme\n", "ä")
NO_NAMES = ("", "..", "../other/KEY", "/etc/passwd", "key", "KEY/..", "KEY\n", "_KEY", "KÉY")


def placed(folder: Path, tenant: str, name: str, content: bytes) -> Path:
    """A secret's file."""
    home = folder / tenant
    home.mkdir(parents=True, exist_ok=True)
    file = home / name
    file.write_bytes(content)
    return file


async def refused(provider: SecretProvider, tenant: str, name: str) -> AlgaError:
    """The error that says why there is no such secret."""
    with pytest.raises((SecretNotFoundError, SecretUnusableError)) as raised:
        await provider.open(tenant, name)
    assert raised.value.error_code == "SECRET_UNAVAILABLE"
    assert raised.value.__cause__ is None
    return raised.value


def test_names_are_those_of_definitions_and_tenants() -> None:
    """Whatever a document may name and a tenant may be called can be asked for, and no more."""
    assert f"^{NAME.pattern}$" == SECRET_NAME
    assert f"^{TENANT.pattern}$" == identifiers.TENANT


@pytest.mark.parametrize(
    ("tenant", "expected"),
    [
        ("acme", "WORKFLOW_SECRET_ACME__MAIL_KEY"),
        ("acme-eu.2", "WORKFLOW_SECRET_ACME_2DEU_2E2__MAIL_KEY"),
        ("Acme_x", "WORKFLOW_SECRET__41CME_5FX__MAIL_KEY"),
    ],
)
async def test_a_variable_holds_one_secret_of_one_tenant(tenant: str, expected: str) -> None:
    """Its name is made of both, in capital letters."""
    assert variable(tenant, "MAIL_KEY") == expected
    provider = EnvironmentSecrets({expected: " with blanks \n"})
    assert await provider.open(tenant, "MAIL_KEY") == " with blanks \n"


@given(st.tuples(TENANTS, NAMES), st.tuples(TENANTS, NAMES))
def test_no_two_secrets_share_a_variable(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Not even where the environment does not tell capital letters from small ones."""
    assert (variable(*one).upper() == variable(*other).upper()) == (one == other)
    assert re.fullmatch("[A-Z0-9_]+", variable(*one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "B__C"), ("a_b", "C")),
        (("a_", "B"), ("a", "_B")),
        (("a-b", "C"), ("a_2db", "C")),
        (("a-b", "C"), ("a_2Db", "C")),
        (("A", "C"), ("a", "C")),
    ],
)
def test_tenants_that_look_alike_share_no_variable(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """The escapes of one are no letters of another."""
    assert variable(*one).upper() != variable(*other).upper()


async def test_a_variable_that_is_set_to_nothing_is_not_set() -> None:
    """As everywhere in the environment; another tenant's is not seen either."""
    provider = EnvironmentSecrets({variable("acme", "EMPTY"): "", variable("other", "KEY"): "k"})
    for name in ("EMPTY", "KEY", "NONE"):
        error = await refused(provider, "acme", name)
        assert str(error) == (
            f"There is no secret {name}. An administrator has to set it for this tenant."
        )


@pytest.mark.parametrize("value", ["k3y" * MAX_SECRET_BYTES, "k3y\udcff"])
async def test_a_variable_that_cannot_be_used_is_told_from_none(value: str) -> None:
    """It is too large, or bytes that are no text; the value is not repeated."""
    error = await refused(EnvironmentSecrets({variable("acme", "KEY"): value}), "acme", "KEY")
    assert isinstance(error, SecretUnusableError)
    assert "k3y" not in str(error)


async def test_a_file_holds_one_secret_and_is_read_at_each_use(tmp_path: Path) -> None:
    """A changed file counts at once; a removed one is not there any more."""
    provider = FileSecrets(tmp_path)
    file = placed(tmp_path, "acme-eu.2", "KEY", b"first\n")
    assert await provider.open("acme-eu.2", "KEY") == "first"
    file.write_bytes(b"second")
    assert await provider.open("acme-eu.2", "KEY") == "second"
    file.unlink()
    assert isinstance(await refused(provider, "acme-eu.2", "KEY"), SecretNotFoundError)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"k\n", "k"),
        (b"k\r\n", "k"),
        (b"k\n\n", "k\n"),
        (b" k \n", " k "),
        (b"a\nb\n", "a\nb"),
        ("schl\u00fcssel\n".encode(), "schl\u00fcssel"),
        (b"x" * MAX_SECRET_BYTES + b"\r\n", "x" * MAX_SECRET_BYTES),
    ],
)
async def test_one_newline_at_the_end_is_no_part_of_it(
    tmp_path: Path, content: bytes, secret: str
) -> None:
    """Editors and `echo` write it; all else is kept."""
    placed(tmp_path, "acme", "KEY", content)
    assert await FileSecrets(tmp_path).open("acme", "KEY") == secret


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"k3y\xff", "it is not UTF-8 text"),
        (b"k3y" * MAX_SECRET_BYTES, "it has more than 65536 bytes"),
        (b"x" * (MAX_SECRET_BYTES + 1), "it has more than 65536 bytes"),
        ("k\u00e9y".encode() * MAX_SECRET_BYTES, "it has more than 65536 bytes"),
    ],
)
async def test_a_file_that_cannot_be_used_says_why(
    tmp_path: Path, content: bytes, says: str
) -> None:
    """Without what is in it."""
    placed(tmp_path, "acme", "KEY", content)
    error = await refused(FileSecrets(tmp_path), "acme", "KEY")
    assert isinstance(error, SecretUnusableError)
    assert says in str(error)
    assert "k3y" not in str(error)


@pytest.mark.parametrize("tenant", NO_TENANTS)
@pytest.mark.parametrize("combined", [True, False])
async def test_what_is_no_tenant_has_no_secrets(
    tmp_path: Path, tenant: str, combined: bool
) -> None:
    """Nothing is looked for where the name would lead."""
    placed(tmp_path / "secrets", "acme", "KEY", b"k")
    placed(tmp_path / "secrets", "other", "KEY", b"k")
    for folder in (tmp_path, tmp_path / "secrets"):
        (folder / "KEY").write_bytes(b"k")
    files = FileSecrets(tmp_path / "secrets")
    provider = CombinedSecrets([files, EnvironmentSecrets({})]) if combined else files
    await refused(provider, tenant, "KEY")
    await refused(EnvironmentSecrets({f"WORKFLOW_SECRET_{tenant}__KEY": "k"}), tenant, "KEY")


@pytest.mark.parametrize("name", NO_NAMES)
async def test_what_is_no_name_is_no_secret(tmp_path: Path, name: str) -> None:
    """A path is no name."""
    placed(tmp_path, "acme", "KEY", b"k")
    placed(tmp_path, "acme", "key", b"k")
    placed(tmp_path, "other", "KEY", b"k")
    await refused(FileSecrets(tmp_path), "acme", name)
    await refused(EnvironmentSecrets({f"WORKFLOW_SECRET_ACME__{name}": "k"}), "acme", name)


async def test_a_link_leads_to_files_of_the_same_tenant_only(tmp_path: Path) -> None:
    """Kubernetes mounts secrets as links inside one folder; no other link is followed."""
    placed(tmp_path, "other", "KEY", b"of another tenant")
    placed(tmp_path, "acme", "KEY", b"ours")
    home = tmp_path / "acme"
    (home / "..2026").mkdir()
    (home / "..2026" / "MOUNTED").write_bytes(b"mounted")
    (home / "..data").symlink_to("..2026")
    (home / "MOUNTED").symlink_to("..data/MOUNTED")
    (home / "STOLEN").symlink_to("../other/KEY")
    (home / "ABSOLUTE").symlink_to(tmp_path / "other" / "KEY")
    (home / "PASSWD").symlink_to("/etc/passwd")
    (home / "CIRCLE").symlink_to("CIRCLE")
    (home / "NOWHERE").symlink_to("NONE")
    (tmp_path / "linked").symlink_to("other")
    provider = FileSecrets(tmp_path)

    assert await provider.open("acme", "MOUNTED") == "mounted"
    for name in ("STOLEN", "ABSOLUTE", "PASSWD"):
        error = await refused(provider, "acme", name)
        assert isinstance(error, SecretUnusableError)
    assert isinstance(await refused(provider, "acme", "NOWHERE"), SecretNotFoundError)
    assert isinstance(await refused(provider, "linked", "KEY"), SecretUnusableError)
    with pytest.raises(UnavailableError):
        await provider.open("acme", "CIRCLE")


async def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """It is the administrator's."""
    placed(tmp_path / "real", "acme", "KEY", b"k")
    (tmp_path / "link").symlink_to("real")
    assert await FileSecrets(tmp_path / "link").open("acme", "KEY") == "k"


async def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A folder, and a pipe into which nobody writes."""
    home = tmp_path / "acme"
    (home / "FOLDER").mkdir(parents=True)
    os.mkfifo(home / "PIPE")
    async with asyncio.timeout(20):
        for name in ("FOLDER", "PIPE"):
            error = await refused(FileSecrets(tmp_path), "acme", name)
            assert "it is not a file" in str(error)


async def test_what_may_not_be_read_may_be_readable_later(tmp_path: Path) -> None:
    """It is no missing secret: the folder or a part of it cannot be reached now."""
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(UnavailableError, match=r"The folder of secrets at .* cannot be reached"):
        await FileSecrets(loop).open("acme", "KEY")


async def test_the_first_that_has_a_secret_gives_it(tmp_path: Path) -> None:
    """One that has an unusable one ends the search: an older value would be no answer."""
    placed(tmp_path, "acme", "BOTH", b"file")
    placed(tmp_path, "acme", "BROKEN", b"")
    variables = {
        variable("acme", "BOTH"): "variable",
        variable("acme", "ONE"): "variable",
        variable("acme", "BROKEN"): "variable",
    }
    provider = CombinedSecrets([FileSecrets(tmp_path), EnvironmentSecrets(variables)])
    assert await provider.open("acme", "BOTH") == "file"
    assert await provider.open("acme", "ONE") == "variable"
    assert isinstance(await refused(provider, "acme", "BROKEN"), SecretUnusableError)
    assert isinstance(await refused(provider, "acme", "NONE"), SecretNotFoundError)


async def test_settings_say_where_secrets_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files where there is a folder, then variables of this process, as they are at the time."""
    placed(tmp_path, "acme", "KEY", b"file")
    monkeypatch.setenv(variable("acme", "KEY"), "variable")
    alone = load(SecretSettings, {}).provider()
    both = load(SecretSettings, {"WORKFLOW_SECRETS_DIR": str(tmp_path)}).provider()
    assert await alone.open("acme", "KEY") == "variable"
    assert await both.open("acme", "KEY") == "file"
    monkeypatch.setenv(variable("acme", "KEY"), "changed")
    assert await alone.open("acme", "KEY") == "changed"


def test_a_folder_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    """By the name of its variable."""
    with pytest.raises(SettingsError, match=r"WORKFLOW_SECRETS_DIR: Path does not point to"):
        load(SecretSettings, {"WORKFLOW_SECRETS_DIR": str(tmp_path / "none")})

"""The settings of the stream: what has to be there together, and no password anywhere."""

from __future__ import annotations

import pytest

from alga_workflows_core.errors import SettingsError
from alga_workflows_core.infra.redis_settings import RedisSettings
from alga_workflows_core.infra.settings import load

URL = "redis://alga:hunter2@redis.example:6380/3"


def loaded(**variables: str) -> RedisSettings:
    """The settings of variables that are named without their beginning."""
    return load(RedisSettings, {f"WORKFLOW_REDIS_{name}": to for name, to in variables.items()})


def test_without_a_url_nothing_is_needed() -> None:
    """And there is no stream."""
    settings = loaded()
    assert (settings.url, settings.tenants, settings.parked_tenant) == (None, (), None)
    assert settings.address == ""


def test_one_tenant_looks_after_its_own() -> None:
    """Of several nobody can say whose people see what belongs to none of them."""
    assert loaded(URL=URL, TENANTS="acme").parked_tenant == "acme"
    several = loaded(URL=URL, TENANTS=" acme, globex ,", PARKED_TENANT="operations")
    assert several.allowed_tenants == {"acme", "globex"}
    assert several.parked_tenant == "operations"
    assert loaded(URL=URL, TENANTS="*", PARKED_TENANT="ops").allowed_tenants is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "redis://redis.example:6380/3"),
        ("rediss://:hunter2@redis.example", "rediss://redis.example"),
        ("redis://[::1]:6379?password=hunter2", "redis://[::1]:6379"),
        ("unix:///run/redis.sock?password=hunter2", "unix:///run/redis.sock"),
    ],
)
def test_addresses_are_shown_without_what_is_secret(url: str, shown: str) -> None:
    """Neither in the address nor in the settings as text."""
    settings = loaded(URL=url, TENANTS="acme")
    assert settings.address == shown
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "named", "said"),
    [
        ({"URL": URL}, "TENANTS", "has to be set where"),
        ({"URL": URL, "TENANTS": "acme,globex"}, "PARKED_TENANT", "more than one tenant"),
        ({"URL": URL, "TENANTS": "*"}, "PARKED_TENANT", "more than one tenant"),
        ({"URL": URL, "TENANTS": "a b"}, "TENANTS", "'a b' cannot be a tenant"),
        ({"URL": URL, "TENANTS": "*", "PARKED_TENANT": "*"}, "PARKED_TENANT", "cannot be"),
        ({"URL": "http://:hunter2@redis"}, "URL", "begins with redis, rediss, unix"),
        ({"URL": "redis://:hunter2@redis:port"}, "URL", "not a URL"),
        ({"BATCH": "0"}, "BATCH", "greater than"),
        ({"BLOCK": "60"}, "BLOCK", "less than"),
        ({"CLAIM_AFTER": "0"}, "CLAIM_AFTER", "greater than"),
    ],
)
def test_what_is_wrong_is_told(variables: dict[str, str], named: str, said: str) -> None:
    """With the variable's name, and without the password."""
    with pytest.raises(SettingsError) as caught:
        loaded(**variables)
    assert f"- WORKFLOW_REDIS_{named}: " in str(caught.value)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)

"""Secrets in inputs: only by name, only where an action is not pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretBytes, SecretStr

from alga_workflows_core.actions.contract import action
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.validation.findings import Severity
from alga_workflows_core.validation.validate import validate
from tests.core.validation.documents import SMALLEST
from tests.core.validation.world import CATALOGUE

SECRET = {"$secret": "MAIL_API_KEY"}
EXPR = {"$expr": "payload.key"}
HERE = "/steps/0/config/inputMapping"


class Login(BaseModel):
    """Who asks."""

    user: str
    password: SecretStr


class Branch(BaseModel):
    """A model that holds itself."""

    key: SecretStr | None = None
    below: list[Branch] = []


class Asked(BaseModel):
    """Secrets at every kind of place."""

    token: SecretBytes | None = Field(default=None, alias="apiToken")
    login: Login | None = None
    logins: list[Login] = []
    headers: dict[str, SecretStr] = {}
    pair: tuple[str, SecretStr] | None = None
    tree: Branch | None = None
    text: str = ""


class Answer(BaseModel):
    """Nothing."""


@action("vault.ask", version=1, kind=ActionKind.READ)
async def ask(request: Asked) -> Answer:
    """Take secrets."""
    return Answer()


KNOWN = replace(CATALOGUE, actions={**CATALOGUE.actions, ("vault.ask", 1): ask.spec})


def told(**inputs: Any) -> list[str]:
    """What is found in a call of `vault.ask`."""
    step = {
        "id": "a",
        "type": "action.call",
        "config": {"actionId": "vault.ask", "version": 1, "inputMapping": inputs},
    }
    found = validate({**SMALLEST, "steps": [step]}, KNOWN).findings
    for each in found:
        expected = Severity.WARNING if each.code.endswith("EXPRESSION") else Severity.ERROR
        assert each.severity is expected
    return [f"{each.code.removeprefix('SECRET_FIELD_')} at {each.path}" for each in found]


def test_a_contract_knows_its_secret_fields() -> None:
    """By the names that documents use; a star stands for every item and member."""
    assert ask.spec.secret_fields == (
        "/apiToken",
        "/login/password",
        "/logins/*/password",
        "/headers/*",
        "/pair/1",
        "/tree/key",
    )


def test_a_pure_action_has_no_secret_field() -> None:
    """It is refused where it is written, as no definition could call it."""

    async def hashed(request: Login) -> Answer:
        """Take a password."""
        return Answer()

    with pytest.raises(ValueError, match=r"gets no secrets, as /password is one"):
        action("login.hash", version=1, kind=ActionKind.PURE)(hashed)


def test_secrets_by_name_are_right_everywhere() -> None:
    """In a secret field and in any other; null and what is left out are right too."""
    login = {"user": "a", "password": SECRET}
    assert told(apiToken=SECRET, login=login, logins=[login], headers={"a": SECRET}) == []
    assert told(pair=["a", SECRET], tree={"key": SECRET}, text=SECRET) == []
    assert told(apiToken=None, tree={"key": None}) == []


@pytest.mark.parametrize(
    ("inputs", "where"),
    [
        ({"apiToken": "t"}, "apiToken"),
        ({"apiToken": ""}, "apiToken"),
        ({"login": {"user": "a", "password": "p"}}, "login/password"),
        ({"headers": {"x/y": "h"}}, "headers/x~1y"),
        ({"pair": ["a", "b"]}, "pair/1"),
        ({"tree": {"key": "k"}}, "tree/key"),
    ],
)
def test_a_literal_is_an_error(inputs: dict[str, Any], where: str) -> None:
    """Everybody who may read the definition could read it."""
    assert told(**inputs) == [f"LITERAL at {HERE}/{where}"]


def test_each_item_is_looked_at() -> None:
    """Every one that is wrong is named, and only those."""
    logins = [{"user": "a", "password": each} for each in ("p", SECRET, EXPR)]
    assert told(logins=logins) == [
        f"LITERAL at {HERE}/logins/0/password",
        f"EXPRESSION at {HERE}/logins/2/password",
    ]


@pytest.mark.parametrize(
    ("inputs", "where"),
    [
        ({"apiToken": EXPR}, "apiToken"),
        ({"login": EXPR}, "login"),
        ({"logins": EXPR}, "logins"),
        ({"logins": [EXPR]}, "logins/0"),
        ({"headers": {"a": EXPR}}, "headers/a"),
    ],
)
def test_an_expression_is_a_warning(inputs: dict[str, Any], where: str) -> None:
    """Also one that gives what the secret is in; said once."""
    assert told(**inputs) == [f"EXPRESSION at {HERE}/{where}"]


def test_an_expression_elsewhere_is_right() -> None:
    """In a field that is no secret."""
    assert told(text=EXPR, login={"user": EXPR, "password": SECRET}) == []


def test_a_pure_action_is_given_no_secret() -> None:
    """At no depth, and not in a compensation."""
    slug = {"actionId": "text.slug", "version": 1, "inputMapping": {"text": SECRET}}
    template = {
        "actionId": "text.template",
        "version": 1,
        "inputMapping": {"template": "a", "values": {"a": [SECRET], "b": EXPR}},
    }
    step = {"id": "a", "type": "action.call", "config": {**template, "compensate": slug}}
    saga = {"id": "s", "type": "control.saga", "steps": [step]}
    found = validate({**SMALLEST, "steps": [saga]}, CATALOGUE).findings
    here = "/steps/0/steps/0/config"
    assert [f"{each.code} at {each.path}" for each in found] == [
        f"SECRET_IN_PURE_ACTION at {here}/inputMapping/values/a/0",
        f"SECRET_IN_PURE_ACTION at {here}/compensate/inputMapping/text",
    ]

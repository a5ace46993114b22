"""Whoever is refused cannot tell by how much was done for it whether there is such a webhook."""

from __future__ import annotations

from uuid import uuid4

import pytest
import pytest_asyncio

from alga_workflows_core.errors import AccessError, UnavailableError
from alga_workflows_core.events.ingress import Ingress
from alga_workflows_core.events.webhook_receiver import Message, WebhookReceiver
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.secrets.port import SecretNotFoundError
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.storage.webhooks import NewWebhook

TENANT = "acme"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Secrets:
    """A source that takes note of each question, and has one secret, unless it is `away`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.away = False

    async def open(self, tenant: str, name: str) -> str:
        self.asked.append((tenant, name))
        if self.away:
            raise UnavailableError("The vault", "vault", "no answer", remedy="Wait.")
        if name != "SHOP":
            raise SecretNotFoundError(name)
        return KEY


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest_asyncio.fixture
async def receiver(storage: Storage, secrets: Secrets) -> WebhookReceiver:
    return WebhookReceiver(
        storage=storage, ingress=Ingress(storage), secrets=secrets, metrics=Metrics()
    )


async def saved(storage: Storage, name: str, *, enabled: bool = True, **names: str) -> str:
    """The address of a new webhook."""
    secret = names.get("secret", "SHOP")
    new = NewWebhook(event_name="PAID", secret=secret, tolerance=300, enabled=enabled)
    async with storage.unit_of_work(TENANT) as work:
        row, _ = await work.webhooks.save(name, new, new_id=uuid4(), by="test")
    return str(row.id)


def unsigned(webhook_id: str) -> Message:
    return Message(webhook_id=webhook_id, message_id="", timestamp="", signature="", body=b"{}")


async def test_a_secret_is_asked_for_whether_there_is_a_webhook_or_not(
    storage: Storage, secrets: Secrets, receiver: WebhookReceiver
) -> None:
    """Once, before anything is decided; and no secret of anybody for an address that is none."""
    addresses = [
        await saved(storage, "open"),
        await saved(storage, "closed", enabled=False),
        await saved(storage, "unset", secret="NOT_SET"),
        str(uuid4()),
        "no address",
    ]
    for address in addresses:
        with pytest.raises(AccessError) as caught:
            await receiver.receive(unsigned(address))
        assert not caught.value.authenticated
    assert secrets.asked == [
        (TENANT, "SHOP"),
        (TENANT, "SHOP"),
        (TENANT, "NOT_SET"),
        ("nobody", "NONE"),
        ("nobody", "NONE"),
    ]


async def test_while_secrets_cannot_be_had_the_sender_is_asked_to_come_again(
    storage: Storage, secrets: Secrets, receiver: WebhookReceiver
) -> None:
    """A refusal would have senders give up; and this tells nobody of webhooks either."""
    address = await saved(storage, "open")
    secrets.away = True
    for each in (address, str(uuid4())):
        with pytest.raises(UnavailableError):
            await receiver.receive(unsigned(each))

"""What Temporal gets to see of the domain's payloads."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError

from alga_temporal_domain.payloads.codec import EncryptedPayloads, PayloadKeyError
from alga_temporal_domain.payloads.keys import PayloadKey, new_key, parse_keys
from alga_temporal_domain.payloads.settings import PayloadSettings
from alga_temporal_domain.queues.spec import build_worker
from alga_workflows_core.infra.settings import load
from tests.domain.queues.tiny import QUEUES, SECRET, Person

OLD = PayloadKey(id="old", key=bytes(32))
NEW = PayloadKey(id="new", key=bytes([1]) * 32)
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"hello"')


def settings(*keys: PayloadKey, encryption: str = "on") -> PayloadSettings:
    text = ",".join(f"{each.id}:{base64.b64encode(each.key).decode()}" for each in keys)
    return load(
        PayloadSettings,
        {"TEMPORAL_PAYLOAD_KEYS": text, "TEMPORAL_PAYLOAD_ENCRYPTION": encryption},
    )


async def test_keys_rotate() -> None:
    """The first encrypts, all decrypt, and what is older than the first key is read as it is."""
    (old,) = await EncryptedPayloads([OLD]).encode([PLAIN])
    both = EncryptedPayloads([NEW, OLD])
    (new,) = await both.encode([PLAIN])
    assert new.metadata["encryption-key-id"] == b"new"
    assert b"hello" not in new.SerializeToString()
    assert await both.decode([old, new, PLAIN]) == [PLAIN, PLAIN, PLAIN]
    assert (await both.encode([PLAIN]))[0].data != new.data


async def test_a_key_that_does_not_fit_is_named() -> None:
    """One that is not there, one that is another key of the same name, and a forged name."""
    (old,) = await EncryptedPayloads([OLD]).encode([PLAIN])
    with pytest.raises(PayloadKeyError, match="key 'old', which is not here"):
        await EncryptedPayloads([NEW]).decode([old])
    with pytest.raises(PayloadKeyError, match="'old', and the key of that name does not"):
        await EncryptedPayloads([replace(NEW, id="old")]).decode([old])
    old.metadata["encryption-key-id"] = b"same"
    with pytest.raises(PayloadKeyError, match="'same'"):
        await EncryptedPayloads([replace(OLD, id="same")]).decode([old])


def test_keys_are_read_and_never_told() -> None:
    """What is wrong names the key by its id, or its place where it has none."""
    assert parse_keys(f"{new_key('a')}, {new_key('b')},")[1].id == "b"
    encoded = new_key("a").partition(":")[2]
    for wrong in (
        "",
        encoded,
        f":{encoded}",
        "a:AAAA",
        f"a:{encoded},a:{encoded}",
        f"a:{encoded}!",
    ):
        with pytest.raises(ValueError, match=r".") as caught:
            parse_keys(wrong)
        assert encoded not in str(caught.value)
    assert "AAAA" not in repr(OLD)


def test_encryption_can_be_turned_off() -> None:
    """Then nothing needs a key, and what was encrypted can still be read with one."""
    assert load(PayloadSettings, {"TEMPORAL_PAYLOAD_ENCRYPTION": "off"}).key_id is None
    assert settings(OLD, encryption="off").key_id is None
    assert settings(NEW, OLD).key_id == "new"


async def test_histories_hold_nothing_readable(temporal_client: Client) -> None:
    """Input, result, error texts and their details are encrypted; whoever has the keys reads them,
    also those of before the rotation, and results of before the first key."""
    plain_jobs, before = QUEUES[0], f"tiny-{uuid4()}"
    worker = build_worker(
        temporal_client, plain_jobs, build_id="t", graceful_shutdown=timedelta(seconds=1)
    )
    async with worker:
        await _greet(temporal_client, before, SECRET)
    old = settings(OLD, NEW).client(temporal_client)
    new = settings(NEW, OLD).client(temporal_client)
    good, bad = f"tiny-{uuid4()}", f"tiny-{uuid4()}"
    async with build_worker(new, plain_jobs, build_id="t", graceful_shutdown=timedelta(seconds=1)):
        assert await _greet(old, good, SECRET) == f"hello {SECRET}"
        with pytest.raises(WorkflowFailureError) as caught:
            await _greet(new, bad, "")
    assert "nobody, not even" in str(caught.value.cause.__cause__)
    for run in (good, bad):
        history = await temporal_client.get_workflow_handle(run).fetch_history()
        written = b"".join(event.SerializeToString() for event in history.events)
        assert SECRET.encode() not in written
        assert b"tiny.py" not in written
    assert await new.get_workflow_handle(before, result_type=str).result() == f"hello {SECRET}"
    assert await new.get_workflow_handle(good, result_type=str).result() == f"hello {SECRET}"
    only_old = settings(OLD).client(temporal_client)
    with pytest.raises(PayloadKeyError, match="'new'"):
        await only_old.get_workflow_handle(good, result_type=str).result()


async def _greet(client: Client, identity: str, mail: str) -> str:
    return await client.execute_workflow(
        "tinyWorkflow", Person(mail=mail), id=identity, task_queue="alga-jobs", result_type=str
    )

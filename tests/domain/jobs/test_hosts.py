"""Jobs that hosts perform, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from temporalio.client import Client

from alga_temporal_domain.jobs.callbacks import Completed, Failed
from alga_temporal_domain.jobs.catalogue import HostDefinition
from alga_temporal_domain.jobs.contracts import Progress, RetryOptions
from alga_temporal_domain.jobs.registry import http_job
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import ConflictError, NotFoundError
from alga_workflows_core.infra.egress.addresses import AddressPolicy
from alga_workflows_core.infra.secrets.environment import variable
from tests.domain.jobs.handlers import QUICK, Stage
from tests.domain.jobs.host import SECRET, Host, running_host
from tests.domain.jobs.world import TENANT, JobWorld, job_world, until

ENVIRON = {variable(TENANT, "HOST_KEY"): SECRET}


@pytest_asyncio.fixture(scope="module")
async def host() -> AsyncGenerator[Host]:
    """One for the module."""
    async with running_host() as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def hosted(
    job_client: Client, job_storage: DomainStorage, host: Host
) -> AsyncGenerator[JobWorld]:
    """A service that knows the host's jobs."""
    short = RetryOptions(attempts=2, first=0.05)
    jobs = [
        http_job("remote", host.url, secret="HOST_KEY", retry=QUICK, request_timeout=0.5),
        http_job("brief", host.url, secret="HOST_KEY", retry=short, heartbeat=0.6),
        http_job("down", "http://127.0.0.1:9/", secret="HOST_KEY", retry=short),
        http_job("keyless", host.url, secret="NO_KEY", retry=short),
    ]
    async with job_world(job_client, job_storage, jobs, environ=ENVIRON) as made:
        yield made


async def _asked(host: Host, times: int) -> str:
    async def is_asked() -> bool:
        return len(host.asked) >= times

    await until(is_asked, f"the host is asked {times} times")
    return host.asked[times - 1]["callback"]["token"]


async def test_a_host_answers_at_once(hosted: JobWorld, host: Host) -> None:
    """It gets a signed request with the input, and its JSON is the result."""
    host.says((200, {"done": True}, 0))
    job = await hosted.enqueue("remote", {"a": 1})
    assert (await hosted.ended(job.id)).state == "SUCCEEDED"
    assert await hosted.family.desk.result(TENANT, job.id) == {"done": True}
    (asked,) = host.asked
    assert (asked["job"], asked["jobId"], asked["input"]) == ("remote", str(job.id), {"a": 1})
    assert host.unsigned == 0
    history = str(await hosted.handle(job).fetch_history())
    assert SECRET not in history
    assert asked["callback"]["token"] not in history


async def test_failures_of_a_host_are_told_apart(hosted: JobWorld, host: Host) -> None:
    """503 and silence are tried again, 400 is not; a host that is down, and a secret that is
    missing, fail the job with their names."""
    host.says((503, None, 0), (200, None, 2), (200, "third", 0))
    job = await hosted.enqueue("remote")
    row = await hosted.ended(job.id)
    assert (row.state, row.attempt) == ("SUCCEEDED", 3)
    host.says((400, {"error": "no"}, 0))
    for name, kind, attempts in (
        ("remote", "JobHostRefused", 1),
        ("down", "JobHostUnreachable", 2),
        ("keyless", "JobSecretUnavailable", 2),
    ):
        row = await hosted.ended((await hosted.enqueue(name)).id)
        assert (row.state, row.error_type, row.attempt) == ("FAILED", kind, attempts)
        assert await hosted.agrees(row)


async def test_a_host_answers_later_and_once(hosted: JobWorld, host: Host) -> None:
    """With its token, progress before; the same answer again is a duplicate, another is refused."""
    callbacks = hosted.family.callbacks
    host.says((202, None, 0))
    job = await hosted.enqueue("remote")
    token = await _asked(host, 1)
    taken = await callbacks.progress(token, Progress(fraction=0.5, message="at it"))
    assert not taken.cancelled
    assert not (await callbacks.finish(token, Completed(result={"n": 1}))).duplicate
    assert (await hosted.ended(job.id)).state == "SUCCEEDED"
    assert await hosted.family.desk.result(TENANT, job.id) == {"n": 1}
    assert await hosted.steps(job.id) == ["enqueued", "execution_started", "execution_completed"]
    assert (await callbacks.finish(token, Completed(result={"n": 1}))).duplicate
    with pytest.raises(ConflictError) as refused:
        await callbacks.finish(token, Completed(result={"n": 2}))
    assert refused.value.error_code == "CALLBACK_USED"
    with pytest.raises(NotFoundError):
        await callbacks.finish("x" * 43, Completed(result=None))


async def test_a_host_says_later_that_it_failed(hosted: JobWorld, host: Host) -> None:
    """It decides whether to be asked again; each attempt has a token of its own."""
    callbacks = hosted.family.callbacks
    host.says((202, None, 0))
    job = await hosted.enqueue("remote")
    first = await _asked(host, 1)
    await callbacks.finish(first, Failed(message="busy", type="Busy", retryable=True))
    second = await _asked(host, 2)
    assert second != first
    await callbacks.finish(second, Failed(message="never", type="Never", retryable=False))
    row = await hosted.ended(job.id)
    assert (row.state, row.error_type, row.error_message) == ("FAILED", "Never", "never")


async def test_an_answer_after_the_time_out_changes_nothing(hosted: JobWorld, host: Host) -> None:
    """The host is told so, and the next attempt's answer counts."""
    callbacks = hosted.family.callbacks
    host.says((202, None, 0))
    job = await hosted.enqueue("brief")
    late = await _asked(host, 1)
    token = await _asked(host, 2)
    with pytest.raises(ConflictError) as refused:
        await callbacks.finish(late, Completed(result="late"))
    assert refused.value.error_code == "CALLBACK_TOO_LATE"
    await callbacks.finish(token, Completed(result="in time"))
    assert (await hosted.ended(job.id)).state == "SUCCEEDED"
    assert await hosted.family.desk.result(TENANT, job.id) == "in time"


async def test_a_cancelled_job_does_not_wait_for_its_host(hosted: JobWorld, host: Host) -> None:
    """It ends at once; the host learns of it when it answers."""
    host.says((202, None, 0))
    job = await hosted.enqueue("remote")
    token = await _asked(host, 1)
    await hosted.family.desk.cancel(TENANT, job.id, reason=None, actor="me")
    assert (await hosted.ended(job.id)).state == "CANCELED"
    with pytest.raises(ConflictError):
        await hosted.family.callbacks.finish(token, Completed(result=None))


async def test_a_tenant_registers_a_host(hosted: JobWorld, host: Host) -> None:
    """For itself; a name of the service cannot be taken."""
    catalogue = hosted.family.catalogue
    definition = HostDefinition(url=host.url, secret="HOST_KEY")
    assert (await catalogue.put_host(TENANT, "mine", definition, "me"))[1]
    assert not (await catalogue.put_host(TENANT, "mine", definition, "me"))[1]
    host.says((200, 7, 0))
    job = await hosted.enqueue("mine")
    assert (await hosted.ended(job.id)).state == "SUCCEEDED"
    with pytest.raises(ConflictError):
        await catalogue.put_host(TENANT, "remote", definition, "me")
    assert "mine" not in [each.name for each in await catalogue.all("other")]
    await catalogue.remove_host(TENANT, "mine")


async def test_hosts_inside_the_network_are_not_reached(
    temporal_client: Client, domain_storage: DomainStorage, host: Host
) -> None:
    """Unless the operator allows their addresses."""
    jobs = [http_job("inside", host.url, secret="HOST_KEY"), *Stage().jobs()]
    host.says((200, None, 0))
    async with job_world(
        temporal_client, domain_storage, jobs, environ=ENVIRON, policy=AddressPolicy()
    ) as world:
        row = await world.ended((await world.enqueue("inside")).id)
        assert (row.state, row.error_type, row.attempt) == ("FAILED", "JobAddressRefused", 1)
    assert host.asked == []

"""Tenants on real servers: rows, workflows, mail, hooks, exports."""

from __future__ import annotations

import asyncio
import email
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid1, uuid4

import psycopg
from aiosmtpd.smtp import SMTP
from pydantic import SecretStr
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    UnsandboxedWorkflowRunner,
    Worker,
)

from alga_temporal_domain.mail.sending import SmtpMail
from alga_temporal_domain.queues.spec import TENANTS
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.tenants import names
from alga_temporal_domain.tenants.contracts import (
    CreateTenant,
    DeleteTenant,
    DeletionState,
    NewAdmin,
    Welcome,
    Welcomed,
)
from alga_temporal_domain.tenants.deletion import TenantDeletion
from alga_temporal_domain.tenants.deletion_asked import Clock
from alga_temporal_domain.tenants.export_folder import FolderExports
from alga_temporal_domain.tenants.ports import ExportStore, TenantEvent
from alga_temporal_domain.tenants.queue import TenantParts, queue_spec
from alga_temporal_domain.tenants.seeds import SeedPack, read_packs
from alga_temporal_domain.tenants.settings import TenantSettings
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.types.model import Model

PATIENCE = 20.0
SECRET = "a-secret-of-sixteen"

# A day of a deletion in seconds: half a year is over in four of them.
DAY_SECONDS = 0.02


class ScaledClock:
    """A day is over in a moment, from `begin` on."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin

    def now(self) -> datetime:
        return self._begin + (workflow.now() - self._begin) * (86_400 / DAY_SECONDS)

    def until(self, due: datetime) -> timedelta:
        return (due - self.now()) * (DAY_SECONDS / 86_400)


@workflow.defn(name=names.DELETION_WORKFLOW)
class ScaledDeletion(TenantDeletion):
    """The workflow as it is, but for the time that it waits by."""

    @workflow.init
    def __init__(self, given: DeleteTenant) -> None:
        super().__init__(given)

    def clock(self, given: DeleteTenant) -> Clock:
        # Ids of these tests have the time in them, which is the same in every execution.
        since = timedelta(microseconds=given.deletion_id.time / 10)
        return ScaledClock(datetime(1582, 10, 15, tzinfo=UTC) + since)

    @workflow.run
    async def run(self, given: DeleteTenant) -> DeletionState:
        return await super().run(given)


class Hooks:
    """Keeps what it is told; `refused`: types that it does not take."""

    def __init__(self) -> None:
        self.told: list[TenantEvent] = []
        self.refused: set[str] = set()

    async def tell(self, event: TenantEvent) -> None:
        if event.type in self.refused:
            raise ApplicationError("no", type="HOOK_REFUSED", non_retryable=True)
        self.told.append(event)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.told]


class Post:
    """An SMTP server's box. `answer`: to messages, instead of taking them."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answer: str | None = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer is not None:
            return self.answer
        parsed = email.message_from_bytes(envelope.content, policy=default)
        self.messages.append(parsed)
        return "250 taken"

    def text(self, at: int) -> str:
        return self.messages[at].get_content()

    def token(self, at: int) -> str:
        """That of the link in a message."""
        return self.text(at).partition("#token=")[2].split()[0]


class Cutting(Interceptor):
    """A worker that is gone each time an activity is done, and before it has said so: every one
    runs twice."""

    def __init__(self) -> None:
        self.cut: list[str] = []

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _CuttingActivity(next, self.cut)


class _CuttingActivity(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, cut: list[str]) -> None:
        super().__init__(inner)
        self._cut = cut

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        answer = await super().execute_activity(input)
        info = activity.info()
        if info.attempt == 1:
            self._cut.append(info.activity_type)
            raise ApplicationError("the worker is gone", next_retry_delay=timedelta(0))
        return answer


@dataclass(kw_only=True)
class World:
    """One queue of tenants, and what is around it."""

    storage: DomainStorage
    client: Client
    settings: DatabaseSettings
    folder: Path
    runtime: Runtime
    hooks: Hooks = field(default_factory=Hooks)
    post: Post = field(default_factory=Post)
    smtp: str = ""
    schemas: str = "alga_domain"
    exports: ExportStore | None = None

    def parts(self) -> TenantParts:
        """What a worker is made of."""
        return TenantParts(
            storage=self.storage,
            client=self.client,
            settings=TenantSettings(
                application_url="https://app.example", schemas=self.schemas, management="owner"
            ),
            management="owner",
            mail=SmtpMail(SecretStr(self.smtp), sender="ops@host.example"),
            hooks=self.hooks,
            packs=self.packs(),
            exports=self.exports,
        )

    async def another_client(self) -> Client:
        """As another replica has one."""
        return await connect(
            TemporalSettings(
                address=self.client.service_client.config.target_host,
                namespace=self.client.namespace,
            ),
            runtime=self.runtime,
            timeout=PATIENCE,
        )

    def packs(self) -> tuple[SeedPack, ...]:
        """Those of the folder now."""
        (self.folder / "seeds").mkdir(exist_ok=True)
        return read_packs(self.folder / "seeds")

    def pack(self, name: str, text: str) -> None:
        """Put a file there, as `roles/1.sql`."""
        path = self.folder / "seeds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @asynccontextmanager
    async def worker(
        self,
        *,
        interceptors: Sequence[Interceptor] = (),
        cached: int = 100,
        client: Client | None = None,
    ) -> AsyncGenerator[None]:
        """The queue is served, over a connection of its own if there is one."""
        spec = queue_spec(self.parts())
        worker = Worker(
            client or self.client,
            task_queue=spec.name,
            workflows=[ScaledDeletion if w is TenantDeletion else w for w in spec.workflows],
            activities=list(spec.activities),
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=list(interceptors),
            build_id="test",
            max_cached_workflows=cached,
        )
        async with worker:
            yield

    async def create(
        self, tenant: str = "acme", key: str | None = None
    ) -> WorkflowHandle[Any, Any]:
        """A tenant is being made."""
        given = CreateTenant(
            tenant_id=tenant,
            name="Acme GmbH",
            admin=NewAdmin(first_name="Ada", last_name="Byron", email=f"ada@{tenant}.example"),
            key=key or tenant,
            content_hash="-",
            requested_by="test",
        )
        return await self.client.start_workflow(
            names.CREATION_WORKFLOW,
            given,
            id=names.creation_id(given.key),
            task_queue=TENANTS,
        )

    async def made(self, tenant: str = "acme") -> str:
        """A tenant that is there."""
        await (await self.create(tenant)).result()
        return tenant

    async def delete(self, tenant: str, **more: Any) -> WorkflowHandle[Any, DeletionState]:
        """A tenant is being deleted."""
        given = DeleteTenant(
            tenant_id=tenant, deletion_id=more.pop("id", uuid1()), requested_by="test", **more
        )
        return await self.client.start_workflow(
            names.DELETION_WORKFLOW,
            given,
            id=names.deletion_id(tenant),
            task_queue=TENANTS,
            result_type=DeletionState,
        )

    async def welcome(self, given: Welcome) -> Welcomed:
        """Sent again."""
        return await self.client.execute_workflow(
            names.WELCOME_WORKFLOW,
            given,
            id=names.welcome_id(given.tenant_id, given.key),
            task_queue=TENANTS,
            result_type=Welcomed,
        )

    async def state(self, tenant: str) -> str:
        """That of the row."""
        async with self.storage.unit_of_work(tenant) as work:
            row = await work.tenants.get()
            return "" if row is None else row.state

    async def add_user(self, tenant: str, *, active: bool = True) -> UUID:
        """A user besides the admin."""
        user_id = uuid4()
        async with self.storage.unit_of_work(tenant) as work:
            await work.tenants.users.add(
                user_id,
                email=f"{user_id}@x.example",
                first_name="U",
                last_name="V",
                role="user",
            )
            if not active:
                await work.tenants.users.activate(user_id, active=False)
        return user_id

    async def active(self, tenant: str) -> set[UUID]:
        """The users who can work."""
        async with self.storage.unit_of_work(tenant) as work:
            return {user.id for user in await work.tenants.users.list() if user.is_active}

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows, as who may see all."""
        url = self.settings.sqlalchemy_url.set(drivername="postgresql")
        async with await psycopg.AsyncConnection.connect(
            url.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            cursor = await connection.execute(statement.encode(), values or None)
            return await cursor.fetchall() if cursor.description else []

    async def count(self, table: str, tenant: str | None = None) -> int:
        """Rows of one of our tables."""
        statement = f"SELECT count(*) FROM alga_domain.{table}"  # noqa: S608 (the test's)
        if tenant is not None:
            ((count,),) = await self.sql(f"{statement} WHERE tenant = %s", tenant)
        else:
            ((count,),) = await self.sql(statement)
        return count

    async def histories(self) -> str:
        """Everything that Temporal keeps of this namespace's runs, as text."""
        texts: list[str] = []
        async for run in self.client.list_workflows():
            handle = self.client.get_workflow_handle(run.id, run_id=run.run_id)
            texts.append((await handle.fetch_history()).to_json())
        return "\n".join(texts)


@asynccontextmanager
async def smtp_server(post: Post) -> AsyncGenerator[str]:
    """A server for the time of a test: its address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(post, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    async with AsyncExitStack() as undo:
        undo.callback(server.close)
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` gives, as soon as it gives something that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


async def update(handle: WorkflowHandle[Any, Any], name: str, given: Model) -> None:
    """Ask for it; WorkflowUpdateFailedError if it is refused."""
    ask = cast("Callable[..., Awaitable[Any]]", handle.execute_update)
    await ask(name, given)


async def waits(handle: WorkflowHandle[Any, Any], status: str, answer: type[Any]) -> Any:
    """The run's state, once it has this status."""

    async def look() -> Any:
        state = await handle.query(names.STATE_QUERY, result_type=answer)
        return state if state.status == status else None

    return await eventually(look, f"{handle.id} is {status}")


def folder_exports(folder: Path) -> FolderExports:
    """A store below a test's folder."""
    return FolderExports(folder / "exports")

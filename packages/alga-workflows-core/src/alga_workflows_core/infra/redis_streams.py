"""A stream of Redis 6.2 or newer. Needs the extra `[redis]`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from alga_workflows_core.errors import SettingsError, UnavailableError
from alga_workflows_core.infra.redis_settings import RedisSettings
from alga_workflows_core.infra.streams import (
    Claimed,
    Fields,
    StreamMessage,
    StreamState,
)

CONNECT_TIMEOUT_SECONDS = 5.0
ANSWER_TIMEOUT_SECONDS = 10.0

_REMEDY = "Check WORKFLOW_REDIS_URL, that the server runs, and what its user may do."

# In one script, so that nobody reads a message between the look and the removal: it would be lost
# with the name.
_FORGET = """
local gone = {}
for _, told in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local consumer = {}
    for i = 1, #told, 2 do consumer[told[i]] = told[i + 1] end
    local is_self = consumer['name'] == ARGV[2]
    local wanted = is_self
    if ARGV[3] ~= 'self' then wanted = not is_self and consumer['idle'] >= tonumber(ARGV[3]) end
    if wanted and consumer['pending'] == 0 then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer['name'])
        gone[#gone + 1] = consumer['name']
    end
end
return gone
"""


class RedisStream:
    """A `Stream` of Redis; `consumer` is our name in the group. It is never trimmed from here."""

    def __init__(self, settings: RedisSettings, *, consumer: str) -> None:
        if settings.url is None:
            raise SettingsError("WORKFLOW_REDIS_URL is not set.")
        self.name = settings.stream
        self._address = settings.address
        self._group = settings.group
        self._consumer = consumer
        self._batch = settings.batch
        self._block = round(settings.block * 1000)
        # Nothing is tried again unseen: what a lost answer held has to be read again as our own.
        self._redis: Any = cast("Any", Redis).from_url(
            settings.url.get_secret_value(),
            protocol=2,
            client_name="alga-workflows",
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            socket_timeout=ANSWER_TIMEOUT_SECONDS + settings.block,
            retry=Retry(NoBackoff(), 0),
        )
        for command in ("XREADGROUP", "XAUTOCLAIM"):
            # As they come: names of fields may repeat, and messages may be gone.
            self._redis.set_response_callback(command, _as_it_is)

    async def join(self) -> None:
        """See `Stream`."""
        with self._errors():
            try:
                await self._redis.xgroup_create(self.name, self._group, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def read_new(self, *, wait: bool) -> Sequence[StreamMessage]:
        """See `Stream`."""
        return await self._read(">", "BLOCK", str(self._block)) if wait else await self._read(">")

    async def read_own(self, after: str) -> Sequence[StreamMessage]:
        """See `Stream`."""
        return await self._read(after)

    async def claim(self, cursor: str, idle: timedelta) -> Claimed:
        """See `Stream`."""
        with self._errors():
            answer = await self._redis.execute_command(
                *("XAUTOCLAIM", self.name, self._group, self._consumer),
                *(_milliseconds(idle), cursor, "COUNT", self._batch),
            )
        return Claimed(_text(answer[0]), _messages(answer[1]))

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """See `Stream`."""
        if ids:
            with self._errors():
                await self._redis.xack(self.name, self._group, *ids)

    async def forget_others(self, idle: timedelta) -> Sequence[str]:
        """See `Stream`."""
        return await self._forget(str(_milliseconds(idle)))

    async def leave(self) -> None:
        """See `Stream`."""
        await self._forget("self")

    async def state(self) -> StreamState:
        """See `Stream`."""
        with self._errors():
            stream = await self._redis.xinfo_stream(self.name)
            groups = await self._redis.xinfo_groups(self.name)
        (group,) = [each for each in groups if _text(each["name"]) == self._group]
        newest, read = (
            _time_of(told) for told in (stream["last-generated-id"], group["last-delivered-id"])
        )
        return StreamState(
            pending=group["pending"],
            unread=group.get("lag"),
            behind=max(newest - read, timedelta(0)) if read else newest - _first(stream),
        )

    async def close(self) -> None:
        """See `Stream`."""
        # Nobody waits for a farewell to a server that is away.
        with suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _read(self, after: str, *options: str) -> list[StreamMessage]:
        with self._errors():
            answer = await self._redis.execute_command(
                *("XREADGROUP", "GROUP", self._group, self._consumer),
                *("COUNT", self._batch, *options, "STREAMS", self.name, after),
            )
        # None where nothing came, else one pair: the stream's name and its messages.
        return [] if not answer else _messages(answer[0][1])

    async def _forget(self, which: str) -> list[str]:
        with self._errors():
            gone = await self._redis.eval(_FORGET, 1, self.name, self._group, self._consumer, which)
        return [_text(name) for name in gone]

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UnavailableError(
                "Redis", self._address, said.rstrip("."), remedy=_REMEDY
            ) from error


def _as_it_is(answer: Any, **_options: Any) -> Any:
    return answer


def _messages(told: Any) -> list[StreamMessage]:
    # Redis 6.2 answers nothing at all for a claimed message that is gone.
    return [StreamMessage(_text(each[0]), _fields(each[1])) for each in told if each is not None]


def _fields(told: Any) -> Fields | None:
    if told is None:
        return None
    return tuple((told[at], told[at + 1]) for at in range(0, len(told), 2))


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _milliseconds(time: timedelta) -> int:
    return round(time.total_seconds() * 1000)


def _time_of(message_id: Any) -> timedelta:
    return timedelta(milliseconds=int(_text(message_id).partition("-")[0]))


def _first(stream: Any) -> timedelta:
    """When the oldest message came; of an empty stream when the newest did."""
    oldest = stream.get("first-entry")
    return _time_of(oldest[0] if oldest else stream["last-generated-id"])

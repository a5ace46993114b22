"""Delivers events: of each stream in order, each until somebody has taken or refused it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from uuid import uuid4

import httpx
import structlog

from alga_temporal_domain.outgoing.metrics import OutgoingMetrics
from alga_temporal_domain.outgoing.settings import OutgoingSettings
from alga_temporal_domain.storage.outgoing import ClaimedRow, OutgoingQueue
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.infra.supervisor import Backoff

log = structlog.get_logger()

CHANNEL = "alga_domain"
HINT = "outgoing"
AT_ONCE = 20

_MEDIA_TYPE = "application/cloudevents+json"
_MOST_REASON = 1000
_FORGOTTEN_AT_ONCE = 5000
# They say something about the receiver or our key, nothing about the event.
_OUTAGE = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class Outcome(StrEnum):
    """What became of a delivery."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    DEAD = "dead"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: Outcome
    reason: str | None = None


class Relay:
    """Works in rounds; as many processes as there are may do so at the same time."""

    def __init__(
        self,
        *,
        storage: DomainStorage,
        settings: OutgoingSettings,
        http: httpx.AsyncClient,
        metrics: OutgoingMetrics,
    ) -> None:
        self._storage = storage
        self._settings = settings
        self._http = http
        self._metrics = metrics
        self._backoff = Backoff(first=1.0, longest=settings.longest_wait)

    async def deliver_due(self) -> None:
        """Deliver until nothing is due, or nothing could be delivered any more."""
        if self._settings.url is not None:
            while await self._round(self._settings.url):
                pass
        async with self._storage.transaction() as connection:
            backlog = await OutgoingQueue(connection).backlog()
        self._metrics.backlog(
            pending=backlog.pending, dead=backlog.dead, lag_seconds=backlog.lag_seconds
        )

    async def forget_old(self) -> None:
        """Delete what was delivered long ago."""
        kept, gone = timedelta(days=self._settings.keep_days), _FORGOTTEN_AT_ONCE
        while gone == _FORGOTTEN_AT_ONCE:
            async with self._storage.transaction() as connection:
                gone = await OutgoingQueue(connection).forget(kept, _FORGOTTEN_AT_ONCE)

    async def _round(self, url: str) -> bool:
        """Whether something was done with, so that there may be more behind it."""
        # Past the answer's time there is the one to write it down.
        lease = timedelta(seconds=2 * self._settings.timeout + 5)
        token = uuid4()
        async with self._storage.transaction() as connection:
            claimed = await OutgoingQueue(connection).claim(token, lease=lease, at_most=AT_ONCE)

        async def deliver(row: ClaimedRow) -> bool:
            answer = await self._post(url, row)
            if answer.outcome is Outcome.REFUSED:
                row = replace(row, attempts=row.attempts + 1)
                if row.attempts >= self._settings.attempts:
                    answer = _Answer(Outcome.DEAD, answer.reason)
            self._metrics.delivery(answer.outcome)
            async with self._storage.unit_of_work(row.tenant) as work:
                if answer.outcome in (Outcome.DELIVERED, Outcome.DEAD):
                    await work.outgoing.end(row, token, state=answer.outcome, reason=answer.reason)
                else:
                    delay = timedelta(seconds=self._backoff.delay(row.failures + 1))
                    reason = answer.reason or ""
                    await work.outgoing.later(row, token, delay=delay, reason=reason)
            _tell(row, answer)
            return answer.outcome in (Outcome.DELIVERED, Outcome.DEAD)

        # All are waited for: what one of them meets is no reason to forget the others.
        done = await asyncio.gather(*map(deliver, claimed), return_exceptions=True)
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return any(done)

    async def _post(self, url: str, row: ClaimedRow) -> _Answer:
        key = self._settings.key_of(row.tenant)
        if key is None and self._settings.keys is not None:
            return _Answer(Outcome.FAILED, f"There is no key for tenant {row.tenant}.")
        headers = {"content-type": _MEDIA_TYPE}
        if key is not None:
            headers["authorization"] = f"Bearer {key.get_secret_value()}"
        content = json.dumps(row.event).encode()
        try:
            answer = await self._http.post(
                url, content=content, headers=headers, timeout=self._settings.timeout
            )
        except httpx.HTTPError as error:
            return _Answer(Outcome.FAILED, str(error) or type(error).__name__)
        if answer.is_success:
            return _Answer(Outcome.DELIVERED)
        reason = f"HTTP {answer.status_code}: {answer.text[:_MOST_REASON]}".replace("\x00", "")
        outage = answer.status_code in _OUTAGE
        return _Answer(Outcome.FAILED if outage else Outcome.REFUSED, reason)


def _tell(row: ClaimedRow, answer: _Answer) -> None:
    if answer.outcome is Outcome.DELIVERED:
        return
    # An outage is said once for each stream, not at every attempt.
    if answer.outcome is Outcome.FAILED and row.failures:
        return
    say = log.error if answer.outcome is Outcome.DEAD else log.warning
    done = "was given up" if answer.outcome is Outcome.DEAD else "could not be delivered yet"
    say(
        f"An event {done}.",
        action="event.not_delivered",
        event_id=str(row.id),
        type=row.type,
        tenant=row.tenant,
        reason=answer.reason,
    )

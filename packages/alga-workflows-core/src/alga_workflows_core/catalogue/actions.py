"""What documents may call: this engine's own actions, and those that services have advertised."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import cast

from alga_workflows_core.actions.contract import ACTION_ID
from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec, RetrySpec
from alga_workflows_core.definition.tree import raw_blocks
from alga_workflows_core.storage.advertised_actions import AdvertisedActionRow, AdvertisedActions
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.json import Json, JsonObject

_MAX_LOOKED_AT = 1000
_MAX_SUGGESTED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAction:
    """A contract and who serves it; both times are None for an action of this engine's own."""

    spec: ActionSpec
    served_by: str | None = None
    seen_at: datetime | None = None
    served_until: datetime | None = None


class ActionCatalogue:
    """The actions of any tenant, named in each call.

    `own` are those of the authored queue. They come before whatever is advertised under their id
    and version.
    """

    def __init__(self, *, storage: Storage, own: Mapping[tuple[str, int], ActionSpec]) -> None:
        self._storage = storage
        self.own = own

    async def list(self, tenant: str) -> list[ListedAction]:
        """All of them, by id and version."""
        async with self._storage.unit_of_work(tenant) as work:
            rows = await work.advertised.list()
        listed = {key: ListedAction(spec=spec) for key, spec in self.own.items()}
        for row in rows:
            listed.setdefault((row.action_id, row.version), _listed(row))
        return [listed[key] for key in sorted(listed)]

    def has_all_of(self, documents: Iterable[Json]) -> bool:
        """Whether they call nothing but this engine's own actions."""
        return not self._foreign(documents)

    async def called_by(
        self, advertised: AdvertisedActions, documents: Iterable[Json]
    ) -> Mapping[tuple[str, int], ActionSpec]:
        """This engine's own, and those that the documents call or may have meant to call; a value
        that does not change."""
        ids = self._foreign(documents)
        return await self._with(advertised, ids) if ids else self.own

    async def advertised_for(self, tenant: str, documents: Iterable[Json]) -> Sequence[ActionSpec]:
        """Of `called_by` those that are not this engine's own."""
        ids = self._foreign(documents)
        if not ids:
            return ()
        async with self._storage.unit_of_work(tenant) as work:
            found = await self._with(work.advertised, ids)
        return [spec for key, spec in found.items() if key not in self.own]

    def _foreign(self, documents: Iterable[Json]) -> list[str]:
        calls = {call for document in documents for call in actions_called(document)}
        return sorted({action_id for action_id, _ in calls - self.own.keys()})

    async def _with(
        self, advertised: AdvertisedActions, ids: Collection[str]
    ) -> Mapping[tuple[str, int], ActionSpec]:
        rows = await advertised.called(ids)
        known = {row.action_id for row in rows} | {action_id for action_id, _ in self.own}
        missing = [action_id for action_id in ids if action_id not in known]
        if missing:
            names = await advertised.ids_like(missing, limit=_MAX_LOOKED_AT)
            near = {
                match
                for name in missing[:_MAX_SUGGESTED]
                for match in get_close_matches(name, names, n=1)
            }
            rows += await advertised.called(near)
        found = {(row.action_id, row.version): spec_of(row) for row in rows}
        return {**found, **self.own}


def actions_called(document: Json) -> frozenset[tuple[str, int]]:
    """Id and version of each action that `document`, whatever it is, calls or undoes steps by."""
    return frozenset(_calls(document))


def _calls(document: Json) -> Iterator[tuple[str, int]]:
    waiting: list[Json] = [document]
    while waiting:
        step = waiting.pop()
        if not isinstance(step, dict):
            continue
        members = cast("JsonObject", step)
        config: Json = members.get("config")
        holders = [members]
        if members.get("type") == "action.call" and isinstance(config, dict):
            holders.append(cast("JsonObject", config))
            yield from _named(config)
        for holder in holders:
            yield from _named(holder.get("compensate"))
        for _, entries in raw_blocks(members):
            waiting += entries


def _named(call: Json) -> Iterator[tuple[str, int]]:
    if isinstance(call, dict):
        members = cast("JsonObject", call)
        action_id, version = members.get("actionId"), members.get("version")
        if not isinstance(action_id, str) or not ACTION_ID.fullmatch(action_id):
            return
        if isinstance(version, int):
            yield action_id, version


def spec_of(row: AdvertisedActionRow) -> ActionSpec:
    """The contract that a row holds."""
    return ActionSpec(
        id=row.action_id,
        version=row.version,
        kind=ActionKind(row.kind),
        short=row.short,
        timeout=row.timeout,
        retry=RetrySpec.model_validate(row.retry),
        queue=row.queue,
        description=row.description,
        input_schema=row.input_schema,
        output_schema=row.output_schema,
        secret_fields=tuple(row.secret_fields),
    )


def _listed(row: AdvertisedActionRow) -> ListedAction:
    return ListedAction(
        spec=spec_of(row),
        served_by=row.served_by,
        seen_at=row.seen_at,
        served_until=row.served_until,
    )

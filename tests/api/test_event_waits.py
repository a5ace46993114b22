"""Events end the waits that look for them, over HTTP on real servers: none is lost, none counts
twice."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.inbox import (
    cloud_event,
    ended,
    explained,
    looking_for,
    published_in_spite_of_warnings,
    runs_of,
    settled,
    start,
    tell,
    tell_all,
    until_outcome,
    until_waiting,
    waiting,
    waiting_run,
)
from tests.api.service import Service, published

NOT_TAKEN = {"timeout": "PT1S", "onTimeout": "continue"}


async def outcomes(api: httpx.AsyncClient, event_id: str) -> list[str]:
    return [each["outcome"] for each in await explained(api, event_id)]


async def test_an_event_ends_the_wait_that_is_open(service: Service) -> None:
    """The run goes on with its payload; a second one finds nobody, and says so."""
    api = service.api
    key = {"$expr": "payload.order"}
    run_id = await waiting_run(api, "during", looking_for("DURING", key=key), payload={"order": 17})
    others = await tell(api, "DURING", {"n": 0}, key="18")
    event_id = await tell(api, "DURING", {"n": 1}, key="17")
    run = await ended(api, run_id)
    assert (run["status"], run["result"]) == ("SUCCEEDED", {"got": {"n": 1}})
    (wait,) = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert (wait["status"], wait["resolvedBy"]) == ("RESOLVED", "event")
    assert await outcomes(api, event_id) == ["taken"]
    late = await tell(api, "DURING", {"n": 2}, key="17")
    assert await outcomes(api, late) == ["nobody"]
    assert await outcomes(api, others) == ["nobody"]


async def test_an_event_that_came_before_its_wait_is_found(service: Service) -> None:
    """It came while the run was busy with something else: the oldest unspent one is taken."""
    api = service.api
    run_id = await waiting_run(api, "early", looking_for("FIRST"), looking_for("EARLY", key="k"))
    ids = [await tell(api, "EARLY", {"n": n}, key="k") for n in (1, 2)]
    for event_id in ids:
        await settled(api, event_id)
    await tell(api, "FIRST")
    run = await ended(api, run_id)
    assert run["result"]["got"] == {"n": 1}
    assert await outcomes(api, ids[0]) == ["taken"]
    assert await outcomes(api, ids[1]) == ["nobody"]


async def test_an_event_that_is_told_twice_counts_once(service: Service) -> None:
    """Two waits for the same, and one event told again and again: the second goes on waiting."""
    api = service.api
    run_id = await waiting_run(api, "twice", looking_for("TWICE"), looking_for("TWICE", into="b"))
    for _ in range(3):
        await tell(api, "TWICE", {"n": 1}, id="same")
    (open_wait,) = await until_waiting(api, run_id)
    while open_wait["path"] == "wait1":
        (open_wait,) = await until_waiting(api, run_id)
    await tell(api, "TWICE", {"n": 1}, id="same")
    await tell(api, "TWICE", {"n": 2}, id="another")
    run = await ended(api, run_id)
    assert run["result"] == {"got": {"n": 1}, "b": {"n": 2}}


async def test_a_refused_event_is_spent_for_its_run(service: Service) -> None:
    """The filter of an open wait has decided: a later wait of the run never sees the event, another
    run does."""
    api = service.api
    high = [{"path": "payload.level", "op": ">=", "value": {"$expr": "payload.least"}}]
    run_id = await waiting_run(
        api,
        "spent",
        looking_for("SPENT", filters=high),
        looking_for("SPENT", into="later", **NOT_TAKEN),
        payload={"least": 5},
    )
    low = await tell(api, "SPENT", {"level": 4})
    refused = await until_outcome(api, low, "refused_by_wait")
    assert (refused["runId"], refused["step"]) == (run_id, "wait1")
    assert refused["filter"] == {
        "path": "payload.level",
        "op": ">=",
        "value": 5,
        "found": 4,
        "missing": False,
    }
    await tell(api, "SPENT", {"level": 5})
    run = await ended(api, run_id)
    assert run["result"] == {"got": {"level": 5}}
    other = await start(api, "spent", {"least": 1})
    await until_waiting(api, other)
    await tell(api, "SPENT", {"level": 1})
    await tell(api, "SPENT", {"level": 2})
    assert (await ended(api, other))["result"] == {"got": {"level": 1}, "later": {"level": 2}}


async def test_the_first_of_any_and_each_of_all(service: Service) -> None:
    """`any` takes one of them, `all` one of each in whatever order, early ones included."""
    api = service.api
    anyhow = {"any": [looking_for("ANY_A", into="a"), looking_for("ANY_B", into="b")]}
    every = {
        "all": [
            looking_for("ALL_A", into="x", key="1"),
            looking_for("ALL_B", into="y"),
            looking_for("ALL_A", into="z", key="2"),
        ]
    }
    run_id = await waiting_run(api, "any-all", anyhow, every)
    early = await tell(api, "ALL_A", {"n": 2}, key="2")
    await settled(api, early)
    await tell(api, "ANY_B", {"n": 1})
    await until_waiting(api, run_id, 2)
    await tell(api, "ALL_B", {"n": 3})
    await tell(api, "ALL_A", {"n": 4}, key="1")
    run = await ended(api, run_id)
    assert run["result"] == {"b": {"n": 1}, "x": {"n": 4}, "y": {"n": 3}, "z": {"n": 2}}


async def test_a_wait_ends_with_its_time(service: Service) -> None:
    """With an error that the step can fail with, or going on; what comes then is for others."""
    api = service.api
    await published(
        api,
        waiting("timed", looking_for("TIMED", **NOT_TAKEN), looking_for("TIMED", timeout="PT1S")),
    )
    run_id = await start(api, "timed")
    run = await ended(api, run_id)
    assert (run["status"], run["error"]["code"]) == ("FAILED", "WAIT_TIMEOUT")
    assert run["error"]["details"] == {"eventNames": ["TIMED"]}
    assert await outcomes(api, await tell(api, "TIMED")) == ["nobody"]
    waits = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert [wait["status"] for wait in waits] == ["TIMED_OUT", "TIMED_OUT"]


async def test_a_wait_without_a_key_takes_any_event_of_the_name(service: Service) -> None:
    """With a key or without; a wait with a key never takes one without."""
    api = service.api
    run_id = await waiting_run(api, "keyless", looking_for("KEYLESS"), looking_for("KEYLESS"))
    keyed = await waiting_run(api, "keyed", looking_for("KEYLESS", key="a"))
    bare = await tell(api, "KEYLESS", {"n": 1})
    kinds = {each["runId"]: each["outcome"] for each in await explained(api, bare)}
    assert kinds == {run_id: "taken", keyed: "other_key"}
    await tell(api, "KEYLESS", {"n": 2}, key="a")
    assert (await ended(api, run_id))["result"] == {"got": {"n": 2}}
    assert (await ended(api, keyed))["result"] == {"got": {"n": 2}}


async def test_two_waits_of_a_run_on_one_key_take_an_event_each(service: Service) -> None:
    """One event satisfies the one that has been open longest, never both."""
    api = service.api
    branches = [
        {
            "id": name,
            "steps": [
                {
                    "id": f"wait-{name}",
                    "type": "event.wait",
                    "config": looking_for("PAIR", key="k", into="n"),
                }
            ],
            "output": {"$expr": "vars.n.n"},
        }
        for name in ("one", "two")
    ]
    both = {"id": "both", "type": "control.parallel", "branches": branches, "join": "all"}
    end = {"id": "end", "type": "control.return", "value": {"$expr": "vars.both"}}
    document: dict[str, Any] = {
        "id": "pair",
        "name": "pair",
        "timeout": "PT5M",
        "steps": [{**both, "saveAs": "vars.both"}, end],
    }
    await published_in_spite_of_warnings(api, document)
    run_id = await start(api, "pair")
    await until_waiting(api, run_id, 2)
    first = await tell(api, "PAIR", {"n": 1}, key="k")
    found = {each["outcome"]: each["step"] for each in await explained(api, first)}
    assert set(found) == {"taken", "spent"}
    await tell(api, "PAIR", {"n": 2}, key="k")
    assert sorted((await ended(api, run_id))["result"].values()) == [1, 2]


async def test_a_wait_looks_back_over_the_beginning_of_its_run(service: Service) -> None:
    """As far as `lookback` says; without it, what came before the run is not for it."""
    api = service.api
    event_id = await tell(api, "BEFORE", {"n": 1}, key="k")
    await settled(api, event_id)
    here = await waiting_run(api, "blind", looking_for("BEFORE", key="k"))
    assert await outcomes(api, event_id) == ["too_early"]
    await published(api, waiting("sees", looking_for("BEFORE", key="k", lookback="PT1H")))
    run = await ended(api, await start(api, "sees"))
    assert run["result"] == {"got": {"n": 1}}
    await tell(api, "BEFORE", {"n": 2}, key="k")
    assert (await ended(api, here))["result"] == {"got": {"n": 2}}


async def test_the_next_event_of_a_started_run_may_come_right_behind_the_first(
    service: Service,
) -> None:
    """In one batch with it, before there is a run; and the first is not its own next one."""
    api = service.api
    document = waiting(
        "behind",
        looking_for("BEHIND", key={"$expr": "payload.order"}),
        trigger={
            "type": "event",
            "eventName": "BEHIND",
            "filters": [{"path": "payload.first", "op": "=", "value": True}],
        },
    )
    await published(api, document)
    await tell_all(
        api,
        [
            cloud_event("BEHIND", {"order": "o-1", "first": True}, subject="o-1"),
            cloud_event("BEHIND", {"order": "o-1", "first": False}, subject="o-1"),
        ],
    )
    (run,) = await runs_of(api, "behind", 1)
    assert run["result"] == {"got": {"order": "o-1", "first": False}}


async def test_a_run_that_waits_tells_for_what(service: Service) -> None:
    """`blockedOn` has the events with their keys, since when, and until when."""
    api = service.api
    run_id = await waiting_run(
        api,
        "blocked",
        {"any": [looking_for("PAID", key=17), looking_for("CANCELLED")], "timeout": "P1D"},
    )
    (wait,) = await until_waiting(api, run_id)
    (blocked,) = (await api.get(f"/runs/{run_id}")).json()["blockedOn"]
    assert blocked == {
        "kind": "event",
        "waitId": wait["waitId"],
        "step": "wait1",
        "since": wait["openedAt"],
        "until": wait["dueAt"],
        "events": [
            {"eventName": "PAID", "correlationKey": "17", "filters": []},
            {"eventName": "CANCELLED", "correlationKey": None, "filters": []},
        ],
    }
    await tell(api, "CANCELLED")
    await ended(api, run_id)
    assert (await api.get(f"/runs/{run_id}")).json()["blockedOn"] == []

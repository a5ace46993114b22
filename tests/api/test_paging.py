"""Pages: everything once, in order, whatever the size of a page."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.service import Service, published, ran, returning, saved

RUNS = 7
STEPS = 9


@pytest_asyncio.fixture(scope="module", autouse=True)
async def prepared(service: Service) -> AsyncGenerator[None]:
    """Seven definitions, of which one has seven versions and seven runs of nine steps."""
    for letter in "cab.d-e_f":
        if letter.isalpha():
            await saved(service.api, returning(f"page-{letter}"))
    for number in range(RUNS):
        document = returning("page-a", number)
        document["steps"][:0] = [
            {
                "id": f"s{index}",
                "type": "transform.assign",
                "config": {"assign": {f"vars.v{index}": index}},
            }
            for index in reversed(range(STEPS - 1))
        ]
        await published(service.api, document)
        await ran(service.api, "page-a", {"number": number})
    await published(service.api, returning("page-0"))
    await ran(service.api, "page-0")
    yield


async def pages(api: httpx.AsyncClient, url: str, limit: int, **filters: str) -> list[list[Any]]:
    """The items of each page, from the first to the last."""
    found: list[list[Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = await api.get(url, params={"limit": limit, **filters, **after})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"items", "next"}
        found.append(page["items"])
        if page["next"] is None:
            return found
        assert len(found) < 50
        after = {"after": page["next"]}


def sizes(total: int, limit: int) -> list[int]:
    """How many items the pages have: all are full but the last, which has at least one."""
    return [min(limit, total - start) for start in range(0, total, limit)]


@pytest.mark.parametrize("limit", [1, 2, RUNS, RUNS + 1, 500])
async def test_definitions_come_by_id(service: Service, limit: int) -> None:
    """Each once, in the order of ids."""
    found = await pages(service.api, "/definitions", limit)
    items = [item["id"] for page in found for item in page]
    assert items == ["page-0", *(f"page-{letter}" for letter in "abcdef")]
    assert [len(page) for page in found] == sizes(RUNS, limit)


@pytest.mark.parametrize("limit", [1, 3, RUNS, 500])
async def test_versions_come_newest_first(service: Service, limit: int) -> None:
    """Each once."""
    found = await pages(service.api, "/definitions/page-a/versions", limit)
    items = [item["version"] for page in found for item in page]
    assert items == list(range(RUNS, 0, -1))
    assert [len(page) for page in found] == sizes(RUNS, limit)


@pytest.mark.parametrize("limit", [1, 3, RUNS, 500])
async def test_runs_come_newest_first(service: Service, limit: int) -> None:
    """Of one definition each once; the order is that in which they were started."""
    found = await pages(service.api, "/runs", limit, definition="page-a")
    results = [item["result"] for page in found for item in page]
    assert results == list(range(RUNS - 1, -1, -1))
    assert [len(page) for page in found] == sizes(RUNS, limit)


@pytest.mark.parametrize("limit", [1, 4, STEPS, 500])
async def test_steps_come_in_the_order_in_which_they_began(service: Service, limit: int) -> None:
    """Each once."""
    run = (await service.api.get("/runs?definition=page-a")).json()["items"][0]["runId"]
    found = await pages(service.api, f"/runs/{run}/steps", limit)
    paths = [item["path"] for page in found for item in page]
    assert paths == [*(f"s{index}" for index in reversed(range(STEPS - 1))), "end"]
    assert [len(page) for page in found] == sizes(STEPS, limit)


async def test_runs_can_be_filtered(service: Service) -> None:
    """By definition and by status; a page of nothing is empty and the last."""
    all_runs = [item for page in await pages(service.api, "/runs", 3) for item in page]
    assert len(all_runs) == RUNS + 1
    assert all_runs[0]["definitionId"] == "page-0"
    (done,) = await pages(service.api, "/runs", 50, status="SUCCEEDED", definition="page-0")
    assert [run["definitionId"] for run in done] == ["page-0"]
    assert await pages(service.api, "/runs", 50, status="FAILED") == [[]]
    assert await pages(service.api, "/runs", 50, definition="page-f") == [[]]


async def test_a_page_stays_where_it_is_when_new_things_come(service: Service) -> None:
    """A cursor is a place, not a count: what comes in front does not move what is behind."""
    url, params = "/runs", {"definition": "page-a", "limit": 2}
    first = (await service.api.get(url, params=params)).json()
    await service.api.post("/definitions/page-0/runs", json={"wait": 30})
    second = (await service.api.get(url, params={**params, "after": first["next"]})).json()
    again = (await service.api.get(url, params={**params, "after": first["next"]})).json()
    assert second == again
    assert [run["result"] for run in second["items"]] == [RUNS - 3, RUNS - 4]


async def test_pages_have_fifty_items_unless_asked_otherwise(service: Service) -> None:
    """The default is bounded, too."""
    async with service.client(await service.key("author", tenant="many")) as api:
        for number in range(51):
            await saved(api, returning(f"many-{number:02}"))
        page = (await api.get("/definitions")).json()
        assert len(page["items"]) == 50
        last = await api.get("/definitions", params={"after": page["next"]})
        assert [item["id"] for item in last.json()["items"]] == ["many-50"]

"""What activities keep is kept for their project, within limits."""

from __future__ import annotations

from uuid import UUID

import pytest
import pytest_asyncio

from alga_temporal_domain.projects import kept
from alga_temporal_domain.projects.builtin.ports import Owner
from alga_temporal_domain.projects.kept import KeptFiles, KeptResults
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import TooLargeError

ONE = Owner(tenant="t", project_id=UUID(int=1))
OTHER = Owner(tenant="t", project_id=UUID(int=2))


@pytest_asyncio.fixture
async def storage(domain_storage: DomainStorage) -> DomainStorage:
    """With two projects."""
    async with domain_storage.unit_of_work("t") as work:
        for owner, name in ((ONE, "one"), (OTHER, "other")):
            await work.projects.add(
                owner.project_id, name=name, description=None, actor="a", queue=None
            )
    return domain_storage


async def test_files_belong_to_their_project(storage: DomainStorage) -> None:
    """Written, replaced, read, deleted; nobody else sees them."""
    files = KeptFiles(storage)
    await files.write(ONE, "a.txt", b"first")
    await files.write(ONE, "a.txt", b"second")
    assert await files.read(ONE, "a.txt") == b"second"
    assert await files.read(OTHER, "a.txt") is None
    assert not await files.delete(OTHER, "a.txt")
    assert await files.delete(ONE, "a.txt")
    assert await files.read(ONE, "a.txt") is None


async def test_files_have_limits(storage: DomainStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one and together; replacing a file frees what it took."""
    files = KeptFiles(storage)
    await files.write(ONE, "most", bytes(kept.LARGEST_FILE))
    with pytest.raises(TooLargeError):
        await files.write(ONE, "more", bytes(kept.LARGEST_FILE + 1))
    monkeypatch.setattr(kept, "LARGEST_PROJECT", kept.LARGEST_FILE + 10)
    await files.write(ONE, "small", bytes(10))
    with pytest.raises(TooLargeError, match="files would have"):
        await files.write(ONE, "smaller", b"x")
    await files.write(ONE, "most", bytes(kept.LARGEST_FILE))
    await files.write(OTHER, "smaller", b"x")


async def test_results_are_kept_for_their_time(storage: DomainStorage) -> None:
    """Also null; over the limit nothing is."""
    results = KeptResults(storage)
    assert await results.get(ONE, "k") is None
    await results.set(ONE, "k", None, 60)
    found = await results.get(ONE, "k")
    assert found is not None
    assert found.value is None
    assert await results.get(OTHER, "k") is None
    await results.set(ONE, "k", {"a": [1]}, 0.001)
    await results.set(ONE, "later", 1, 60)
    assert await results.get(ONE, "k") is None
    with pytest.raises(TooLargeError):
        await results.set(ONE, "large", "x" * kept.LARGEST_VALUE, 60)

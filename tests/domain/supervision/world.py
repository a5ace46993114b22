"""Projects with code, made by rows."""

from __future__ import annotations

from uuid import UUID, uuid4

from alga_temporal_domain.projects.bundles import Bundle, Manifest
from alga_temporal_domain.storage.unit_of_work import DomainStorage

TENANT = "t"


def bundle(text: str = "x = 1", **manifest: tuple[str, ...]) -> Bundle:
    """One module, as a bundle."""
    return Bundle(manifest=Manifest.model_validate(manifest), files={"workflows.py": text})


async def project(
    storage: DomainStorage, *bundles: Bundle, is_running: bool = True, slots: int = 1
) -> UUID:
    """A project whose bundles were activated one after the other."""
    project_id = uuid4()
    async with storage.unit_of_work(TENANT) as work:
        await work.projects.add(
            project_id, name=str(project_id), description=None, actor="a", queue=None
        )
        await work.projects.size(project_id, slots=slots, most_slots=4, idle_seconds=None)
        if is_running:
            await work.projects.wish(project_id, "RUNNING")
    for one in bundles:
        await activate(storage, project_id, one)
    return project_id


async def activate(
    storage: DomainStorage,
    project_id: UUID,
    one: Bundle,
    *,
    ramp_percent: int = 100,
    mode: str = "PINNED",
) -> int:
    """Publish and activate; the number of the activation."""
    async with storage.unit_of_work(TENANT) as work:
        stored = one.model_dump(mode="json", by_alias=True)
        await work.bundles.add(
            project_id, one.hash, manifest=stored["manifest"], files=stored["files"], actor="a"
        )
        before = await work.bundles.activations(project_id, 1)
        seq = before[0].seq + 1 if before else 1
        made = await work.bundles.activate(
            project_id,
            one.hash,
            seq=seq,
            mode=mode,
            ramp_percent=ramp_percent,
            actor="a",
            reason=None,
        )
        assert made is not None
    return seq


async def wish(
    storage: DomainStorage, project_id: UUID, desired: str, *, restart: bool = False
) -> None:
    """Start, stop or restart."""
    async with storage.unit_of_work(TENANT) as work:
        assert await work.projects.wish(project_id, desired, restart=restart)

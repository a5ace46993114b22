"""Rows go in an order that the catalogue gives, whatever a host's tables look like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from alga_temporal_domain.storage.tenant_rows import ERASING_ROLE
from alga_temporal_domain.tenants.erasing import Eraser
from alga_temporal_domain.tenants.erasing_order import Delete, Empty, erasing_order
from alga_temporal_domain.tenants.export_folder import FolderExports
from alga_temporal_domain.tenants.exporting import Exporter
from alga_temporal_domain.tenants.ports import ExportWriter
from alga_temporal_domain.tenants.tables import TenantTables
from alga_workflows_core.errors import ConflictError
from tests.domain.tenants.world import World

HOST = """
CREATE SCHEMA host;
GRANT USAGE ON SCHEMA host TO alga_workflows_erase;
CREATE TABLE host.parents (tenant_id varchar NOT NULL, id int PRIMARY KEY, favourite int);
CREATE TABLE host.children (tenant_id varchar NOT NULL, id int PRIMARY KEY,
    parent int NOT NULL REFERENCES host.parents, "odd : name" text);
ALTER TABLE host.parents ADD FOREIGN KEY (favourite) REFERENCES host.children;
CREATE TABLE host.tree (tenant_id varchar NOT NULL, id int PRIMARY KEY,
    above int NOT NULL REFERENCES host.tree);
CREATE TABLE host.a (tenant_id varchar NOT NULL, id int PRIMARY KEY, b int NOT NULL);
CREATE TABLE host.b (tenant_id varchar NOT NULL, id int PRIMARY KEY,
    a int NOT NULL REFERENCES host.a DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE host.a ADD FOREIGN KEY (b) REFERENCES host.b DEFERRABLE INITIALLY DEFERRED;
GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA host TO alga_workflows_erase;
DO $$ BEGIN
    FOR t IN 0..1 LOOP
        INSERT INTO host.parents SELECT 't' || t, 1000 * t + n FROM generate_series(1, 25) n;
        INSERT INTO host.children
            SELECT 't' || t, 1000 * t + n, 1000 * t + n % 25 + 1 FROM generate_series(1, 25) n;
        UPDATE host.parents SET favourite = id WHERE tenant_id = 't' || t;
        INSERT INTO host.tree
            SELECT 't' || t, 1000 * t + n, 1000 * t + 1 FROM generate_series(1, 25) n;
        INSERT INTO host.a VALUES ('t' || t, t, t);
        INSERT INTO host.b VALUES ('t' || t, t, t);
    END LOOP;
END $$;
"""


def tables_of(world: World, schemas: Sequence[str] = ("host",)) -> TenantTables:
    return TenantTables(storage=world.storage, schemas=schemas, columns=("tenant", "tenant_id"))


async def test_rows_that_refer_to_each_other(world: World) -> None:
    """A cycle is broken where a column may be null, else its tables go in one statement; all in
    batches, and the other tenant keeps its rows."""
    await world.sql(HOST)
    order = erasing_order(*await tables_of(world).to_erase())
    shown = [
        f"empty {step.table.name}"
        if isinstance(step, Empty)
        else (("together " if step.at_once else "") + " ".join(t.name for t in step.tables))
        for step in order
    ]
    assert shown == ["empty parents", "children", "parents", "together tree", "together a b"]
    eraser = Eraser(world.storage, tables_of(world), at_a_time=10)
    heard: list[int] = []
    with pytest.raises(ConflictError, match=r"host\.children \(25\)"):
        await eraser.verify("t0", told=lambda _table: None)
    gone = await eraser.erase("t0", before=5, told=lambda rows, _table: heard.append(rows))
    assert gone == 5 + 77
    assert heard == sorted(heard)
    assert len(heard) > 12
    await eraser.verify("t0", told=lambda _table: None)
    for table, left in (("parents", 25), ("children", 25), ("tree", 25), ("a", 1), ("b", 1)):
        assert await world.sql(f"SELECT count(*) FROM host.{table}") == [(left,)]  # noqa: S608


async def test_what_could_be_overlooked_is_refused(world: World) -> None:
    """A table that the erasing role may not see, or hides rows from it; one whose rows are nobody's
    and refer to a tenant's."""
    await world.sql(HOST)
    for change, back, code in (
        (
            f"REVOKE DELETE ON host.tree FROM {ERASING_ROLE}",
            f"GRANT DELETE ON host.tree TO {ERASING_ROLE}",
            "TENANT_TABLES_CLOSED",
        ),
        (
            "ALTER TABLE host.tree ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE host.tree DISABLE ROW LEVEL SECURITY",
            "TENANT_TABLES_CLOSED",
        ),
        (
            "CREATE TABLE host.notes (parent int REFERENCES host.parents)",
            "DROP TABLE host.notes",
            "TENANT_TABLES_UNOWNED",
        ),
    ):
        await world.sql(change)
        with pytest.raises(ConflictError) as caught:
            await tables_of(world).to_erase()
        assert caught.value.error_code == code
        await world.sql(back)
    assert len((await tables_of(world).to_erase())[0]) == 5


async def test_every_table_of_ours_is_open_to_erasing(world: World) -> None:
    """A migration that forgets it is found here."""
    tables = await tables_of(world, ("alga_domain",)).all()
    assert {"tenants", "api_keys", "code_bundles", "project_files"} <= {t.name for t in tables}
    steps = erasing_order(*await tables_of(world, ("alga_domain",)).to_erase())
    assert all(isinstance(step, Delete) and not step.at_once for step in steps)


class Meddling:
    """A store with which others delete rows as soon as something is written."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._inner = FolderExports(world.folder / "e")

    async def begin(self, tenant: str, export_id: UUID) -> ExportWriter:
        writer = await self._inner.begin(tenant, export_id)
        begin_file = writer.begin_file

        async def meddle(name: str) -> None:
            if name.startswith("host.children"):
                await self._world.sql("DELETE FROM host.tree")
            await begin_file(name)

        setattr(writer, "begin_file", meddle)  # noqa: B010 (it is the test's)
        return writer

    async def manifest(self, tenant: str, export_id: UUID) -> tuple[str, bytes] | None:
        return await self._inner.manifest(tenant, export_id)


async def test_an_export_is_of_one_moment(world: World) -> None:
    """What goes while it is written is in it; few rows are in memory at a time; the same id is the
    same export."""
    await world.sql(HOST)
    exporter = Exporter(world.storage, Meddling(world), at_a_time=7)
    told: list[tuple[str, int]] = []

    def tell(table: str, rows: int) -> None:
        told.append((table, rows))

    tables = await tables_of(world).all()
    export_id = uuid4()
    made = await exporter.export("t1", export_id, tables, tell)
    assert (made.tables, made.rows) == (5, 77)
    assert await world.sql("SELECT count(*) FROM host.tree") == [(0,)]
    assert max(now - before for (_, before), (_, now) in pairwise(told)) == 7
    assert await exporter.export("t1", export_id, tables, tell) == made

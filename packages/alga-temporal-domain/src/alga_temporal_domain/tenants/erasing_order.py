"""In which order rows can be deleted that refer to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from alga_temporal_domain.storage.tenant_tables import ForeignKey, TenantTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Set columns to null, which breaks a cycle."""

    table: TenantTable
    columns: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete a table's rows, some at a time; several tables in one statement."""

    tables: Sequence[TenantTable]
    at_once: bool


Step: TypeAlias = Empty | Delete

_Edges: TypeAlias = Mapping[int, set[int]]


def erasing_order(tables: Sequence[TenantTable], keys: Sequence[ForeignKey]) -> list[Step]:
    """Children before parents. A cycle is broken where a column of it may be null; where none may,
    its tables are deleted in one statement."""
    of = {table.oid: table for table in tables}
    within = [key for key in keys if key.child in of and key.parent in of]
    reach = _reachable(of, within)
    # A column that says whose a row is cannot be emptied: nobody would find the row again.
    emptied = [
        (key, columns)
        for key in within
        if key.child in reach[key.parent]
        and not key.yields
        and (columns := [name for name in key.nullable if name != of[key.child].key])
    ]
    steps: list[Step] = [Empty(table=of[key.child], columns=columns) for key, columns in emptied]
    broken = {id(key) for key, _ in emptied}
    left = [
        key
        for key in within
        if id(key) not in broken and not (key.yields and key.child in reach[key.parent])
    ]
    return steps + _deletions(of, left)


def _deletions(of: Mapping[int, TenantTable], keys: Sequence[ForeignKey]) -> list[Step]:
    steps: list[Step] = []
    remaining = set(of)
    while remaining:
        # What nothing refers to any more.
        free = sorted(
            oid
            for oid in remaining
            if not any(key.parent == oid and key.child in remaining for key in keys)
        )
        if not free:
            free = _knot(remaining, [k for k in keys if {k.child, k.parent} <= remaining])
            steps.append(Delete(tables=[of[oid] for oid in free], at_once=True))
        else:
            steps += [Delete(tables=[of[oid]], at_once=False) for oid in free]
        remaining -= set(free)
    return steps


def _knot(remaining: set[int], keys: Sequence[ForeignKey]) -> list[int]:
    """Tables that all refer to each other, and that no others refer to."""
    reach = _reachable(remaining, keys)
    into = {oid: {other for other in remaining if oid in reach[other]} for oid in remaining}
    first = min(remaining, key=lambda oid: (len(into[oid]), oid))
    return sorted(into[first] | {first})


def _reachable(oids: set[int] | Mapping[int, TenantTable], keys: Sequence[ForeignKey]) -> _Edges:
    """Where following foreign keys leads to from each table; to itself only in a cycle."""
    parents: dict[int, set[int]] = {oid: set() for oid in oids}
    for key in keys:
        parents[key.child].add(key.parent)
    reach: dict[int, set[int]] = {}
    for oid in parents:
        seen: set[int] = set()
        waiting = list(parents[oid])
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                waiting += parents[at]
        reach[oid] = seen
    return reach

"""Figures of one run, beside what has to be beaten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure. `former`: what the replaced service claims, None where it says nothing;
    `limit`: what ours has to stay below. All in `unit`."""

    name: str
    value: float
    unit: str
    limit: float
    former: float | None = None

    @property
    def holds(self) -> bool:
        return self.value < self.limit


def as_table(figures: Sequence[Figure]) -> str:
    """A line each, with how many times less it is than the former one."""
    rows = [("figure", "measured", "limit", "former", "ratio", "")]
    for figure in figures:
        former, ratio = "", ""
        if figure.former is not None:
            former = f"{figure.former:g} {figure.unit}"
            ratio = f"{figure.former / max(figure.value, 1e-9):.1f}x"
        measured, limit = (f"{value:.4g} {figure.unit}" for value in (figure.value, figure.limit))
        rows.append(
            (figure.name, measured, limit, former, ratio, "" if figure.holds else "TOO MUCH")
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_json(figures: Sequence[Figure]) -> str:
    """A list of objects."""
    return json.dumps([{**asdict(figure), "holds": figure.holds} for figure in figures])

"""Throw-away work that only reads code: the gates, and what modules define. Nothing of it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from alga_temporal_domain.projects.builtin.catalogue import RESERVED
from alga_temporal_domain.projects.compiled_modules import with_relative_imports
from alga_temporal_domain.projects.findings import Finding
from alga_temporal_domain.projects.gates import MOST_FINDINGS, check
from alga_temporal_domain.projects.process.channel import Channel
from alga_temporal_domain.projects.process.frames import Checked, Group, Named
from alga_temporal_domain.projects.process.order import GatesOrder, NamesOrder
from alga_temporal_domain.projects.reading import Definition, defined


def gates(order: GatesOrder, channel: Channel) -> int:
    """Tell what the gates find."""
    began = time.monotonic()
    findings: Sequence[Finding] = check(order.bundle, reserved=RESERVED, queue=order.queue)
    channel.send(Checked(findings=tuple(findings), load_seconds=time.monotonic() - began))
    return 0


def names(order: NamesOrder, channel: Channel) -> int:
    """Tell what each group defines, or which definitions cannot be read or run."""
    groups = tuple(_group(files, siblings=order.siblings) for files in order.groups)
    channel.send(Named(groups=groups))
    return 0


def _group(files: dict[str, str], *, siblings: bool) -> Group:
    if siblings:
        files = {path: with_relative_imports(text) for path, text in files.items()}
    read = defined(files)
    return Group(
        files=files,
        workflows=_names(read.workflows),
        activities=_names(read.activities),
        findings=read.faults[:MOST_FINDINGS],
    )


def _names(definitions: Sequence[Definition]) -> tuple[str, ...]:
    """Each once; the gates find names that are there twice."""
    return tuple(dict.fromkeys(one.name for one in definitions))

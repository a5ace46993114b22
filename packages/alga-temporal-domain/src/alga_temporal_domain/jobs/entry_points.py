"""Jobs of other distributions, found by their entry points."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from alga_temporal_domain.jobs.registry import Job
from alga_workflows_core.errors import SettingsError

GROUP = "alga_temporal_domain.jobs"
"""Each entry point of this group names a `Job`, or several of them in a list or tuple."""


def installed_jobs() -> list[Job[Any, Any]]:
    """The jobs of every installed distribution; SettingsError names the one that is broken."""
    return [found for point in sorted(entry_points(group=GROUP)) for found in _jobs(point)]


def _jobs(point: EntryPoint) -> Iterable[Job[Any, Any]]:
    try:
        loaded: Any = point.load()
    except Exception as error:
        # A boundary: importing other people's code may raise anything.
        raise _broken(point, f"{type(error).__name__}: {error}") from error
    is_one = isinstance(loaded, Job)
    listed: list[Any] = [loaded] if is_one else list(loaded) if _is_list(loaded) else [None]
    if not all(isinstance(each, Job) for each in listed):
        raise _broken(point, f"{point.value} is neither a job nor a list of jobs")
    return listed


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _broken(point: EntryPoint, why: str) -> SettingsError:
    distribution = "an installed distribution" if point.dist is None else point.dist.name
    return SettingsError(
        f"The jobs {point.name!r} of {distribution} cannot be used: {why}.",
        code="JOBS_BROKEN",
        remedy="Correct that distribution, or uninstall it.",
    )

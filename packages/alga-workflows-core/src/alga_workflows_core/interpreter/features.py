"""What of the grammar this release does not run yet; it is refused before it is published."""

from __future__ import annotations

NOT_RUN = frozenset[str]()
"""Features as `validation.checks.support.Feature` names them: types of steps, fields."""

"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A sentence that names what is nearest to `word`, if anything is near."""
    near = get_close_matches(word, list(dict.fromkeys(known)), n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else None

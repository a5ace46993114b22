"""JSON Pointers (RFC 6901): where in a document something stands."""

from __future__ import annotations


def pointer(*parts: str | int) -> str:
    """The pointer to what `parts` (names and indices) lead to; the whole document is `""`."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def parts(pointer: str) -> list[str]:
    """The names and indices, as text, that `pointer` leads through; the opposite of `pointer()`."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]

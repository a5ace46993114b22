"""What we call JSON in annotations."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""None, bool, int, float, str, list or dict with string keys, nested; no NaN, no Infinity.

Written as an alias of `Any`: a recursive type makes every reader of a document cast.
"""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""

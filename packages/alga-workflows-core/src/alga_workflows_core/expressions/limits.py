"""The limits of one evaluation. All but the time are deterministic: same input, same verdict."""

from __future__ import annotations

TIMEOUT_MS = 500
"""Wall time of one evaluation. The interpreter lock is held meanwhile, so it stays well below the
two seconds after which Temporal gives up on a workflow task."""

MAX_EXPRESSION_LENGTH = 10_000
"""Characters of an expression's text."""

MAX_STACK_DEPTH = 1_000
"""The engine's own frames; about 200 levels of a recursive function that is not tail-recursive.
Text nested deeper than 1,000 levels is refused by the engine when it compiles."""

MAX_SEQUENCE_LENGTH = 20_000
"""Items that a path, range, filter or function may produce; a list of the context may be longer."""

MAX_COMPARED_PAIRWISE = 500
"""Items up to which the engine itself does `$distinct`: it compares all with all, which the time
limit does not interrupt. More are compared here; the result is the same."""

MAX_JOINED_UNSEEN = 10
"""Items up to which `$join` does not look how long its text will be."""

MAX_GROWN_TEXT = 10_000_000
"""Characters that `$join` and `$replace` may write; a result is bounded far below."""

MAX_RESULT_BYTES = 1024 * 1024
"""Size of a result as JSON text, counted within a few per cent."""

MAX_RESULT_DEPTH = 100
"""Lists and objects inside each other in a result."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest whole number that every JSON reader keeps exactly."""

MAX_PAD_WIDTH = 10_000
"""Characters that `$pad` may pad to."""

MAX_ROMAN_NUMBER = 1_000_000
"""Largest number written in Roman digits; its length grows with the number."""

MAX_COMPILED_PER_THREAD = 1_000
"""Compiled expressions that a thread keeps: one to four kilobytes each, 20 µs to make again."""

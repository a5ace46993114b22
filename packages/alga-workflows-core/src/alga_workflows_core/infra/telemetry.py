"""Structured logs: one line per record on standard error, whoever wrote it, secrets masked.

Standard output belongs to what a command prints; nothing is logged there.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TextIO, cast
from uuid import UUID

import structlog
from structlog.processors import ExceptionRenderer, JSONRenderer
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from alga_workflows_core.infra.log_masks import current_mask
from alga_workflows_core.infra.settings import LogSettings

MASK = "***"

# Whole words of a key (api_key, X-Api-Key and apiKey are the same): `max_tokens` is not a secret.
_SECRET_ENDINGS = (
    *("password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "token"),
    *("authorization", "cookie", "cookies", "credential", "credentials", "apikey"),
)
_SECRET_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key")})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# Lengths are bounded so that a hostile text costs linear time. A colon before digits and a slash
# starts a port; everything else up to the last @ is a password, even one that nobody encoded.
_URL_PASSWORD = re.compile(
    r"([a-zA-Z][a-zA-Z0-9+.\-]{0,30}://[^\s:/@?#]{0,256}):(?!\d{1,5}(?:[/?#\s\"']|$))\S{0,512}@"
)
_ASSIGNED_SECRET = re.compile(
    r"((?:password|passwd|passphrase|secret|token|api[_-]?key)=)"
    r"(?:'[^']{0,256}'|\"[^\"]{0,256}\"|[^\s&,;]+)",
    re.IGNORECASE,
)

_DEEPEST = 16
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# What these say at INFO is said by our own lines, or holds whole URLs.
_QUIET_LIBRARIES = ("alembic", "asyncio", "httpcore", "httpx", "sqlalchemy", "uvicorn")
_LIBRARY_FIELDS = ("temporal_workflow", "temporal_activity")
_LEADING = ("timestamp", "level", "service", "event", "action")


class _LogHandler(logging.StreamHandler[TextIO]):
    """The handler that this module installs, to be found again when it is configured anew."""


def configure_logging(settings: LogSettings, *, service: str, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to `stream` (default: standard error).

    Each record is one JSON object on one line, or text for people when `settings.format` says so
    or is `auto` and the stream is a terminal. Calling it again replaces the former configuration.
    """
    target = sys.stderr if stream is None else stream
    terminal = target.isatty()
    as_text = settings.format == "text" or (settings.format == "auto" and terminal)
    colours = terminal and not os.environ.get("NO_COLOR")
    level = _LEVELS[settings.level]

    handler = _LogHandler(target)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                ExtraAdder(allow=_LIBRARY_FIELDS),
            ],
            processors=_text_chain(colours) if as_text else _json_chain(service),
        )
    )
    root = logging.getLogger()
    for former in [one for one in root.handlers if isinstance(one, _LogHandler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    for library in _QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


@contextmanager
def bind_run(
    *, run_id: UUID | str, tenant: UUID | str, definition: str | None = None
) -> Generator[None]:
    """Every line that is logged inside names this run, its tenant and its definition."""
    values = {"run_id": str(run_id), "tenant": str(tenant)}
    if definition is not None:
        values["definition"] = definition
    with structlog.contextvars.bound_contextvars(**values):
        yield


def mask_secrets(text: str) -> str:
    """`text` without the secrets that are open here, the passwords in URLs and the values in
    `password=…`, `token=…` and such."""
    opened = current_mask()
    if opened is not None:
        text = opened(text)
    return _ASSIGNED_SECRET.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))


def _json_chain(service: str) -> list[Processor]:
    def ordered(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return {**{name: event.pop(name) for name in _LEADING}, **event}

    return [
        _from_record,
        ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        _plain,
        ordered,
        JSONRenderer(),
    ]


def _text_chain(colours: bool) -> list[Processor]:
    return [
        _from_record,
        ExceptionRenderer(),
        _plain,
        _printable,
        structlog.dev.ConsoleRenderer(
            colors=colours,
            sort_keys=False,
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]


def _from_record(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add what the standard library's record knows; a library's line gets an action as well."""
    record: logging.LogRecord = event.pop("_record")
    written_by_us: bool = event.pop("_from_structlog")
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    event["timestamp"] = moment.removesuffix("+00:00") + "Z"
    event["level"] = record.levelname.lower()
    event["logger"] = record.name
    event.setdefault("action", "log.untitled" if written_by_us else "library.logged")
    return event


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Reduce the event to JSON values and mask its secrets."""
    return {
        _masked_key(key): MASK if _holds_secret(key, value) else _masked(value)
        for key, value in event.items()
    }


def _masked(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _masked_number(value)
    if isinstance(value, str):
        return mask_secrets(value)
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {
            _masked_key(str(key)): (
                MASK if _holds_secret(str(key), inner) else _masked(inner, depth + 1)
            )
            for key, inner in entries.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(inner, depth + 1) for inner in cast("list[Any]", value)]
    if isinstance(value, BaseException):
        return mask_secrets(f"{type(value).__name__}: {value}")
    return mask_secrets(str(value))


def _masked_number(value: float) -> Any:
    if not math.isfinite(value):
        return str(value)
    opened = current_mask()
    return MASK if opened is not None and opened(str(value)) == MASK else value


def _masked_key(key: str) -> str:
    # Keys are written in the code, but those of what an action got may be anything.
    opened = current_mask()
    return key if opened is None or key in _LEADING else opened(key)


def _holds_secret(key: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return False
    words = [word.lower() for word in _WORD.findall(key)]
    return any(word.endswith(_SECRET_ENDINGS) for word in words) or any(
        pair in _SECRET_PAIRS for pair in pairwise(words)
    )


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape what could move a terminal's cursor or forge a second line; tracebacks stay."""
    return {
        key: _escaped(value)
        if isinstance(value, str) and key not in {"exception", "stack"}
        else value
        for key, value in event.items()
    }


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )

"""What operators see: one JSON object a line, and masked errors under an id.

A log line never holds a document, a variable, a credential or the text of an exception that is
not ours: such a text may quote any of them. Of an exception it holds the types and the frames; and
the text while a domain is developed, where `telemetry.error_texts` asks for it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import orjson

from gateway.errors import PlaitError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGGER = logging.getLogger("gateway")

_OURS = ("gateway", "plait", "resolvers", "uvicorn")
"""Loggers heard from INFO on, and trusted with more than the first line of a message."""

_MOST_FRAMES = 40
_MOST_TEXT = 1_000
"""Characters of an exception's text."""


@dataclass(slots=True)
class _Told:
    """What this process tells beyond the rule above, by its settings."""

    texts: bool = False


_told = _Told()


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: `time`, `level`, `logger`, `message`, and fields.

    A record's `fields` attribute (`extra={"fields": {…}}`) is merged into the object; an exception
    becomes `error`. Only the first line of other libraries' messages is kept: asyncio's further
    lines quote the exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        message = record.getMessage()
        if record.name.partition(".")[0] not in _OURS:
            message = message.partition("\n")[0]
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = describe(record.exc_info[1])
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:  # a lone surrogate, as file names and texts of exceptions may have one
            text = json.dumps(line, default=str, ensure_ascii=False)
            return text.encode(errors="replace").decode()


def configure_logging(stream: TextIO | None = None, *, texts: bool = False) -> None:
    """Send every log line of this process to `stream` (standard error) as JSON.

    Ours and the server's from INFO on, everybody else's from WARNING on; `texts`: with what
    exceptions say. Replaces what was configured before.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    _told.texts = texts
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in (*_OURS, *logging.root.manager.loggerDict):
        if name.partition(".")[0] in _OURS:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.INFO if name in _OURS else logging.NOTSET)


def log_internal(error: BaseException) -> str:
    """Log an error that a client must not see; the id returned is what the client gets instead."""
    identity = secrets.token_hex(8)
    _LOGGER.error("masked error", extra={"fields": {"id": identity, "error": describe(error)}})
    return identity


def why_away(error: BaseException) -> str:
    """What the system says of a service that is not reached: `: Connection refused`, or nothing."""
    if isinstance(error, TimeoutError):
        return ": no answer in time"
    for one in _chain(error, suppressed=True):
        if isinstance(one, OSError) and one.errno:
            words = one.strerror if isinstance(one, socket.gaierror) else os.strerror(one.errno)
            return f": {words}"
    return ""


def log_refusal(error: PlaitError) -> None:
    """Log why nothing can be started: a line with the code for each thing that is wrong."""
    for wrong in error.message.splitlines():
        _LOGGER.error("%s", wrong, extra={"fields": {"code": error.code.value}})


def describe(error: BaseException) -> list[dict[str, Any]]:
    """The error and what caused it, outermost first: type and frames.

    Errors of ours keep their code and message, which are written for clients; of others the text is
    told where `configure_logging` was asked for `texts`.
    """
    return [_describe_one(one) for one in _chain(error)]


def _chain(error: BaseException, *, suppressed: bool = False) -> Iterator[BaseException]:
    """The error, its cause (or context) and so on, each once; members of a group in between.

    `suppressed`: with the contexts that somebody hid by `from None`.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        hidden = one.__suppress_context__ and not suppressed
        waiting.append(one.__cause__ or (None if hidden else one.__context__))
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(reversed(one.exceptions))


def _describe_one(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    told: dict[str, Any] = {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, PlaitError):
        told |= {"code": error.code.value, "message": error.message}
    elif _told.texts:
        told["text"] = str(error)[:_MOST_TEXT]
    return told

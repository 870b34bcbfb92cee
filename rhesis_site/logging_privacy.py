"""Logs without personal data, whatever a library writes.

Paths, query strings, addresses and the messages of exceptions may all quote a person. So lines about a request name its
URL pattern, and of an exception only the types and the places are written: file, line and function, no message and no
values. Everything goes through the one handler that has this formatter.
"""

import logging
import traceback
from types import TracebackType

from django.http import HttpRequest

# Loggers whose messages quote what a client sent. Their records carry the request, or nothing worth more than a level.
QUOTING_LOGGERS = ("django.request", "django.security", "django.server", "gunicorn.access", "gunicorn.error")
SAFE_GUNICORN = (
    "Starting gunicorn",
    "Listening at",
    "Using worker",
    "Booting worker",
    "Handling signal",
    "Worker exiting",
    "Shutting down",
)


class PrivateFormatter(logging.Formatter):
    """One line a record, and under it the places of an exception."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        record.message = _message(record)
        record.asctime = self.formatTime(record, self.datefmt)
        line = self.formatMessage(record)
        if record.exc_info and record.exc_info[1] is not None:
            line = f"{line}\n{places(record.exc_info[1])}"
        return line


def _message(record: logging.LogRecord) -> str:
    request = getattr(record, "request", None)
    if isinstance(request, HttpRequest):
        match = request.resolver_match
        status = getattr(record, "status_code", "")
        return f"{request.method} {'/' + match.route if match else 'unmatched'} {status}".rstrip()
    if record.name.startswith(QUOTING_LOGGERS) and not record.getMessage().startswith(SAFE_GUNICORN):
        # Without its request there is only the text, which quotes a host, a path or a request line.
        return f"({record.levelname.lower()} of a request; {record.filename}:{record.lineno})"
    arguments = record.args if isinstance(record.args, tuple) else (record.args,)
    if any(isinstance(argument, BaseException) for argument in arguments):
        return f"{record.msg} ({', '.join(type(a).__name__ for a in arguments if isinstance(a, BaseException))})"
    return record.getMessage()


def places(error: BaseException) -> str:
    """The exception and what caused it: types, files, lines and functions."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(f"  {type(current).__module__}.{type(current).__qualname__}")
        lines += _frames(current.__traceback__)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(lines)


def _frames(trace: TracebackType | None) -> list[str]:
    return [f"    {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(trace)]

"""Logging without personal data, at every level, for this project and for all libraries.

Paths, methods, query strings, addresses and exception messages can contain personal data. A line about a request
therefore has its URL pattern, and an exception only its types and code positions. Records of this project's own loggers
are written in full. Of a library's record, the message is written only if it is literal in the library's source, with
only its numeric arguments; a message built at run time could contain anything.

`configure` is the setting LOGGING_CONFIG: one handler, one formatter, and hooks for output that bypasses loggers.
"""

import json
import linecache
import logging
import logging.config
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from socketserver import BaseServer
from types import TracebackType
from typing import Any, TextIO
from wsgiref.handlers import BaseHandler

from django.http import HttpRequest

OURS = ("accounts", "privacy", "analytics", "rhesis_site")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
# Loggers whose messages quote client input. Their records carry the request, or nothing more useful than the level.
QUOTING_LOGGERS = ("django.request", "django.security", "django.server", "gunicorn.", "uvicorn.access")
# Beginnings of gunicorn's messages about itself, which contain only the operator's values.
SAFE_GUNICORN = (
    "Starting gunicorn",
    "Listening at",
    "Using worker",
    "Booting worker",
    "Handling signal",
    "Worker exiting",
    "Shutting down",
)
OMITTED = "..."

logger = logging.getLogger(__name__)


def configure(config: dict[str, Any]) -> None:
    """Set up logging by `config`, and route Python's own error output through it."""
    logging.config.dictConfig(config)
    # gRPC's C core prints to stderr itself, with addresses.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Otherwise logging prints a record it cannot format, with all its arguments.
    logging.raiseExceptions = False
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_uncaught_in_thread
    sys.unraisablehook = _on_unraisable
    warnings.showwarning = _on_warning
    # The standard library's servers, on which `runserver` is based.
    BaseHandler.log_exception = _on_failed_response  # type: ignore[method-assign, assignment]
    BaseServer.handle_error = _on_failed_request  # type: ignore[method-assign, assignment]


class PrivateFormatter(logging.Formatter):
    """One line for each record, followed by the code positions of its exception; or one JSON object with both."""

    def __init__(self, *, as_json: bool = False) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        record.message = _message(record)
        error = record.exc_info[1] if record.exc_info else None
        if self.as_json:
            found = {
                "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                "level": record.levelname,
                "logger": record.name,
                "message": record.message,
            }
            return json.dumps(found | ({"exception": places(error)} if error else {}))
        record.asctime = self.formatTime(record, self.datefmt)
        line = self.formatMessage(record)
        return f"{line}\n{places(error)}" if error else line


def _message(record: logging.LogRecord) -> str:
    request = getattr(record, "request", None)
    if isinstance(request, HttpRequest):
        match = request.resolver_match
        status = getattr(record, "status_code", "")
        method = request.method if request.method in METHODS else "_OTHER"
        return f"{method} {'/' + match.route if match else 'unmatched'} {status}".rstrip()
    template = record.msg if isinstance(record.msg, str) else ""
    if _is_of(record.name, OURS):
        return _formatted(record, template, trusted=True)
    if record.name.startswith(QUOTING_LOGGERS):
        safe = template.startswith(SAFE_GUNICORN)
        # Without a request, the text quotes a host, a path or a request line.
        return _formatted(record, template, trusted=True) if safe else _place(record, "of a request")
    return _formatted(record, template, trusted=False)


def _is_of(name: str, packages: tuple[str, ...]) -> bool:
    return name.partition(".")[0] in packages


def _formatted(record: logging.LogRecord, template: str, *, trusted: bool) -> str:
    if not template or not (trusted or _stands_in_source(template, record.pathname)):
        return _place(record, f"of {record.name}")
    arguments: Any = record.args
    if not arguments:
        return template
    shown: Any
    if isinstance(arguments, Mapping):
        shown = {key: _shown(each, trusted=trusted) for key, each in arguments.items()}
    else:
        shown = tuple(_shown(each, trusted=trusted) for each in arguments)
    try:
        return str(template % shown)
    except (TypeError, ValueError, KeyError):
        return template


def _shown(argument: object, *, trusted: bool) -> object:
    if isinstance(argument, BaseException):
        return _Bare(type(argument).__name__)
    return argument if trusted or isinstance(argument, int | float) else _Bare(OMITTED)


class _Bare(str):
    """A string that `%r` formats without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _stands_in_source(text: str, pathname: str) -> bool:
    """Whether `text` is literal in the source file of the log call, and so contains no data."""
    return text in "".join(linecache.getlines(pathname))


def _place(record: logging.LogRecord, origin: str) -> str:
    return f"({record.levelname.lower()} {origin}; {record.filename}:{record.lineno})"


def places(error: BaseException) -> str:
    """The exception and its causes: types, files, lines and functions."""
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


# --- Hooks for errors that Python prints without a logger ---


def _on_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logger.critical("Ended by an exception", exc_info=(kind, error, trace))


def _on_uncaught_in_thread(arguments: "threading.ExceptHookArgs") -> None:
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        logger.error(
            "A thread ended by an exception",
            exc_info=(arguments.exc_type, arguments.exc_value, arguments.exc_traceback),
        )


def _on_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    if unraisable.exc_value is not None:
        logger.error(
            "An exception could not be raised",
            exc_info=(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback),
        )


def _on_failed_response(_handler: BaseHandler, exc_info: Any) -> None:
    logger.error("A response ended by an exception", exc_info=exc_info)


def _on_failed_request(_server: BaseServer, _request: Any, _client_address: Any) -> None:
    logger.error("A request ended by an exception", exc_info=True)


def _on_warning(  # noqa: PLR0917  as `warnings` calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logger.warning("%s at %s:%d", category.__name__, filename, lineno)

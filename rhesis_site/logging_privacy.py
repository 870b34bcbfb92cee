"""Logs without personal data, whatever a library writes, at every level and by every road that Python has.

Paths, methods, query strings, addresses and the messages of exceptions may all quote a person. So a line about a
request names its URL pattern, and of an exception only types and places are written. This project's own loggers are
trusted with what they log. Of everybody else's records the text is written only if it stands in their source, and of
its arguments only numbers: text that is put together from something is not known to be harmless.

`configure` is the setting LOGGING_CONFIG: one handler, one formatter, and the hooks for what never reaches a logger.
"""

import linecache
import logging
import logging.config
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping
from socketserver import BaseServer
from types import TracebackType
from typing import Any, TextIO
from wsgiref.handlers import BaseHandler

from django.http import HttpRequest

OURS = ("accounts", "privacy", "analytics", "rhesis_site")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
# Loggers whose messages quote what a client sent. Their records carry the request, or nothing worth more than a level.
QUOTING_LOGGERS = ("django.request", "django.security", "django.server", "gunicorn.", "uvicorn.access")
# Beginnings of what gunicorn logs about itself, with an operator's own values.
SAFE_GUNICORN = (
    "Starting gunicorn",
    "Listening at",
    "Using worker",
    "Booting worker",
    "Handling signal",
    "Worker exiting",
    "Shutting down",
)
LEFT_OUT = "..."

logger = logging.getLogger(__name__)


def configure(config: dict[str, Any]) -> None:
    """Set up logging by `config`, and send whatever Python prints by itself through it."""
    logging.config.dictConfig(config)
    # gRPC's own core prints past Python, with addresses.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # A record that cannot be formatted would be printed with its arguments.
    logging.raiseExceptions = False
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_uncaught_in_thread
    sys.unraisablehook = _on_unraisable
    warnings.showwarning = _on_warning
    # The standard library's servers, which `runserver` is made of.
    BaseHandler.log_exception = _on_failed_response  # type: ignore[method-assign, assignment]
    BaseServer.handle_error = _on_failed_request  # type: ignore[method-assign, assignment]


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
        method = request.method if request.method in METHODS else "_OTHER"
        return f"{method} {'/' + match.route if match else 'unmatched'} {status}".rstrip()
    template = record.msg if isinstance(record.msg, str) else ""
    if _is_of(record.name, OURS):
        return _formatted(record, template, trusted=True)
    if record.name.startswith(QUOTING_LOGGERS):
        safe = template.startswith(SAFE_GUNICORN)
        # Without its request there is only the text, which quotes a host, a path or a request line.
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
        return _Word(type(argument).__name__)
    return argument if trusted or isinstance(argument, int | float) else _Word(LEFT_OUT)


class _Word(str):
    """Written without quotes by `%r`, too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _stands_in_source(text: str, pathname: str) -> bool:
    """Whether `text` is word for word in the file that logged it: then nobody's data is in it."""
    return text in "".join(linecache.getlines(pathname))


def _place(record: logging.LogRecord, of_what: str) -> str:
    return f"({record.levelname.lower()} {of_what}; {record.filename}:{record.lineno})"


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


# --- What Python prints without a logger ---


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

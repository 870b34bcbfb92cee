"""Errors of analytics. Messages state what to correct and never contain personal data."""


class AnalyticsError(Exception):
    """Base class of all errors that analytics raises deliberately."""


class CatalogueError(AnalyticsError):
    """A catalogue file is invalid. Has the file's path and, if known, the line."""

    def __init__(self, message: str, *, path: str, line: int | None = None) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}{f':{line}' if line else ''}: {message}")


class UndeclaredEvent(AnalyticsError):
    """The event, action or metadata key is not in the catalogue; only what is declared may be recorded."""


class ExpiredEvent(UndeclaredEvent):
    """The event's declaration has expired. It is not sent or stored until somebody renews the declaration."""


class InvalidValue(AnalyticsError):
    """A metadata value does not fit its declaration. The message has the field and its type, never the value."""


class MalformedEvent(AnalyticsError):
    """A required attribute of an event is missing or has the wrong type. The message names the field."""


class InUse(AnalyticsError):
    """A table or view cannot be changed while somebody's transaction uses it. The message names the roles."""


class NobodysTelemetry(AnalyticsError):
    """The argument of `telemetry_for` is not a user."""

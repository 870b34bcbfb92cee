"""Every error of analytics has one root. The message says what to mend, and never contains a person's data."""


class AnalyticsError(Exception):
    """Root of all errors that analytics raises on purpose."""


class CatalogueError(AnalyticsError):
    """A catalogue file cannot be used. Carries the file and, where one is to blame, the line."""

    def __init__(self, message: str, *, path: str, line: int | None = None) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}{f':{line}' if line else ''}: {message}")


class UndeclaredEvent(AnalyticsError):
    """The event, action or metadata key is not in the catalogue; only what is declared may be recorded."""


class ExpiredEvent(UndeclaredEvent):
    """The event's declaration has expired; it is neither sent nor stored until it is argued for again."""


class InvalidValue(AnalyticsError):
    """A metadata value does not fit its declaration. The message names the field and what it expects, not the value."""


class MalformedEvent(AnalyticsError):
    """An attribute that a kind of event needs is missing or of another type. The message names the field."""


class NobodysTelemetry(AnalyticsError):
    """`telemetry_for` was given what is no user."""

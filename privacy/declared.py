"""Settings, each declared once: its name, number, kind, default and help.

A declaration yields the typed reading (`Setting.value`), the numbered check (`findings`), the lines of `.env.example`
and the row of docs/settings.md. A settings module can import this: nothing here needs Django to be configured.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.checks import CheckMessage, Error

from privacy.kinds import Misread

T = TypeVar("T")
Source = Callable[[str], object]  # the value of a name; None where there is none


def from_django(name: str) -> object:
    """The source `Setting.value` reads: Django's settings, live, so that `override_settings` works."""
    return getattr(settings, name, None)


@dataclass(frozen=True, eq=False)
class Setting(Generic[T]):
    """One setting.

    `number` is the id of its check, such as "privacy.E002"; empty where no text is wrong. `parse` raises Misread for
    text it does not understand; the setting then counts as `otherwise`: less collected, more protected. `default` is
    text too, and blank text is unset.
    """

    name: str
    number: str
    parse: Callable[[str], T]
    otherwise: T
    help: str
    default: str = ""
    meanwhile: str = ""
    off_switch: bool = False  # also read from the environment, where a project's settings leave it out or blank

    @property
    def value(self) -> T:
        return self.read(from_django)

    def read(self, source: Source) -> T:
        try:
            return self.parse(self.text(source))
        except Misread:
            return self.otherwise

    def text(self, source: Source) -> str:
        """As it is written. Blank text is no text: Compose and Kubernetes pass on unset variables as blank ones."""
        text = _as_text(source(self.name))
        if not text.strip() and self.off_switch:
            text = os.environ.get(self.name, "")
        return text if text.strip() else self.default

    def problem(self, source: Source) -> str | None:
        """One sentence that begins with the name and never has the value; None if the text is understood."""
        try:
            self.parse(self.text(source))
        except Misread as misread:
            return f"{self.name} {misread}."
        return None


def _as_text(value: object) -> str:
    """Python values too: a project's settings may say `DO_NOT_TRACK = True`."""
    match value:
        case None:
            return ""
        case Enum():
            return _as_text(value.value)
        case bytes() | bytearray():
            return os.fsdecode(bytes(value))
        case list() | tuple():
            return ",".join(map(_as_text, value))
        case set() | frozenset():
            return ",".join(sorted(map(_as_text, value)))
        case _:
            return str(value)


def findings(declared: Iterable[Setting[Any]], source: Source = from_django) -> list[CheckMessage]:
    """A numbered error for each setting whose text is not understood."""
    return [
        Error(problem, hint=setting.meanwhile or None, id=setting.number)
        for setting in declared
        if (problem := setting.problem(source))
    ]


def as_written(declared: Iterable[Setting[Any]], environ: Mapping[str, str]) -> dict[str, str]:
    """Django settings for `declared`, of an environment: text, parsed when it is read."""
    return {setting.name: setting.text(environ.get) for setting in declared}

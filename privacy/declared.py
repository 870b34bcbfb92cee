"""Declarations of settings: `Setting` holds name, check number, parser, default and help.

From it come the typed value (`Setting.value`), the numbered check (`findings`), `.env.example` and docs/settings.md.
Settings modules can import this module, because it does not need configured settings.
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
Source = Callable[[str], object]  # returns the value of a name, or None


def from_django(name: str) -> object:
    """The source of `Setting.value`: Django's settings, read at each use so that `override_settings` works."""
    return getattr(settings, name, None)


@dataclass(frozen=True, eq=False)
class Setting(Generic[T]):
    """One setting.

    `number` is the id of its check, such as "privacy.E002", or empty if every text is valid. `parse` raises Misread for
    invalid text; the value is then `otherwise`, which collects less and protects more. `default` is text, and blank
    text counts as unset.
    """

    name: str
    number: str
    parse: Callable[[str], T]
    otherwise: T
    help: str
    default: str = ""
    meanwhile: str = ""
    off_switch: bool = False  # if missing or blank in the settings, read from the environment

    @property
    def value(self) -> T:
        return self.read(from_django)

    def read(self, source: Source) -> T:
        try:
            return self.parse(self.text(source))
        except Misread:
            return self.otherwise

    def text(self, source: Source) -> str:
        """The text as written, or the default. Blank is unset: Compose and Kubernetes pass unset variables as blank."""
        text = _as_text(source(self.name))
        if not text.strip() and self.off_switch:
            text = os.environ.get(self.name, "")
        return text if text.strip() else self.default

    def problem(self, source: Source) -> str | None:
        """Error text without the setting's value, or None if the text is valid."""
        try:
            self.parse(self.text(source))
        except Misread as misread:
            return f"{self.name} {misread}."
        return None


def _as_text(value: object) -> str:
    """Text of a value, which a project's settings may write in Python: `DO_NOT_TRACK = True`."""
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
    """A numbered error for each setting with invalid text."""
    return [
        Error(problem, hint=setting.meanwhile or None, id=setting.number)
        for setting in declared
        if (problem := setting.problem(source))
    ]


def as_written(declared: Iterable[Setting[Any]], environ: Mapping[str, str]) -> dict[str, str]:
    """Django settings of `declared` from `environ`: text, which is parsed at each use."""
    return {setting.name: setting.text(environ.get) for setting in declared}

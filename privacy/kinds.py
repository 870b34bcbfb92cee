"""Parsers of settings: each turns text into a value or raises `Misread`.

Standard library only, because `dev.py` uses them too. No message repeats the text, which may be a misplaced secret.
"""

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

YES, NO = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})
# Labels of letters of any script, digits, hyphens and, as Compose names services, underscores.
HOST = re.compile(r"(?=.{1,253}$)\w([\w-]{0,61}\w)?(\.\w([\w-]{0,61}\w)?)*\.?")
RATE = re.compile(r"[1-9]\d{0,5}/(second|minute|hour|day)")

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Misread(ValueError):
    """Text is invalid. The message continues the setting's name, such as "must be true or false"."""


def flag(text: str) -> bool:
    """Boolean; empty text is false."""
    name = text.strip().lower()
    if name not in YES | NO:
        raise Misread("must be true or false")
    return name in YES


def optional(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """A parser that returns None for empty text and calls `parse` otherwise."""
    return lambda text: parse(text) if text.strip() else None


def choice(options: type[E]) -> Callable[[str], E]:
    """A member of `options`, in any letter case, with `-` or `_`."""

    def parse(text: str) -> E:
        name = text.strip().lower().replace("-", "_")
        for each in options:
            if name == each.value.replace("-", "_"):
                return each
        raise Misread(f"must be {either(options)}")

    return parse


def either(options: type[StrEnum]) -> str:
    """The options for a message, such as "cloud or self_hosted"."""
    *others, last = (option.value for option in options)
    return f"{', '.join(others)} or {last}" if others else last


def digits(text: str, minimum: int, maximum: int) -> int | None:
    """The whole number from `minimum` to `maximum` that `text` is, in ASCII digits; None for other text."""
    # Check the length first: Python refuses to convert thousands of digits.
    if text.isascii() and text.isdecimal() and len(text) <= 19 and minimum <= int(text) <= maximum:
        return int(text)
    return None


def range_of_numbers(minimum: int, maximum: int, of: str = "") -> str:
    return f"a whole number{f' of {of}' if of else ''} from {minimum} to {maximum}"


def whole_number(minimum: int, maximum: int, of: str = "") -> Callable[[str], int]:
    """A whole number from `minimum` to `maximum`, `of` a unit such as seconds."""

    def parse(text: str) -> int:
        number = digits(text.strip(), minimum, maximum)
        if number is None:
            raise Misread(f"must be {range_of_numbers(minimum, maximum, of)}")
        return number

    return parse


def listed(text: str) -> list[str]:
    """Items separated by commas, without surrounding spaces and without empty items."""
    return [item.strip() for item in text.split(",") if item.strip()]


def rate(text: str) -> str:
    """A rate such as 10/hour."""
    if not RATE.fullmatch(text.strip()):
        raise Misread("must be a rate such as 10/hour")
    return text.strip()


def plain(text: str) -> str:
    """Any text, without surrounding spaces."""
    return text.strip()


def secret(text: str) -> str:
    """A key, unchanged: printable ASCII without surrounding spaces, so that any client and header can carry it."""
    if text != text.strip() or not text.isascii() or not text.isprintable():
        raise Misread("must be printable ASCII without spaces around it")
    return text


def is_host(name: str) -> bool:
    """Whether `name` is a valid host name or IP address, without brackets or port."""
    if ":" in name:
        try:
            ipaddress.IPv6Address(name.partition("%")[0])
        except ValueError:
            return False
        return True
    return HOST.fullmatch(name) is not None


def address(text: str) -> str:
    """An http(s) address without user name; empty text stays empty."""
    text = text.strip()
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for a port that is no number or too large
    except ValueError:
        raise Misread("is not a usable address: write it like https://host:4318") from None
    if parts.scheme not in {"http", "https"}:
        raise Misread("is not a usable address: it must begin with http:// or https://")
    if not parts.hostname:
        raise Misread("is not a usable address: it names no host")
    if not is_host(parts.hostname) or parts.port == 0:
        raise Misread("is not a usable address: its host or port is invalid")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise Misread("is not a usable address: it contains a space")
    if parts.username is not None or parts.password is not None:
        raise Misread(
            "is not a usable address: it must not carry a user name or password; use OTEL_EXPORTER_OTLP_HEADERS"
        )
    return text

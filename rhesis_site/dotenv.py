"""Reads `.env` for the site and `dev.py`. Standard library only, because `dev.py` runs before anything is installed.

The rules (also in `.env.example`): one `NAME=value` a line, with or without `export`. Values are literal: `$`, `#`, `%`
and backslashes have no special meaning. Surrounding spaces and surrounding quotes are removed. Ambiguous values are
errors: a ` #` or ` NAME=` outside quotes, a quote inside the same quotes, a backslash in double quotes.
"""

import re
from collections.abc import Mapping
from pathlib import Path

LINE = re.compile(r"(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=(?P<gap>[ \t]*)(?P<value>.*)")


class Unreadable(ValueError):
    """The file cannot be used. The message names the file, line and variable, never a value."""


def read(path: Path) -> dict[str, str]:
    """The file's variables in order; none if the file does not exist. Raises Unreadable."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise Unreadable(f"{path} cannot be read: it is a link to a missing file") from None
        return {}
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{path} cannot be read: it is not UTF-8") from None
    variables: dict[str, str] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line.strip(" \t"))
        if match is None:
            raise Unreadable(f"{path} line {number} must be NAME=value, a comment or blank")
        name, value = match["name"], match["value"]
        if problem := _problem(match["gap"] + value):
            raise Unreadable(f"{path} line {number}: {name} {problem}")
        variables[name] = value[1:-1] if value[:1] in ("'", '"') else value
    return variables


def _problem(value: str) -> str | None:
    if "\0" in value:
        return "contains a zero byte"
    stripped = value.strip(" \t")
    return _problem_in_quotes(stripped) if stripped[:1] in ("'", '"') else _problem_without_quotes(value)


def _problem_without_quotes(value: str) -> str | None:
    if re.search(r"[ \t]#", value):
        return "has a # after a space; put the comment on its own line, or the value in quotes"
    if re.search(r"[ \t;][ \t]*[A-Z][A-Z0-9_]{2,}=", value):
        return "has another NAME= on its line; put that on its own line, or the value in quotes"
    return None


def _problem_in_quotes(value: str) -> str | None:
    quote, inside = value[0], value[1:-1]
    if len(value) < 2 or value[-1] != quote:
        return "begins with a quote but does not end with it"
    if quote in inside:
        return f"has a {quote} inside {quote} quotes; use the other quotes"
    if quote == '"' and "\\" in inside:
        return "has a backslash in double quotes; use single quotes"
    return None


def load(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The file's variables that `environ` does not name. Raises Unreadable."""
    return {name: value for name, value in read(path).items() if name not in environ}

"""This checkout: its places, the values of its `.env`, and how the tools tell a person what happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rhesis_site import dotenv

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCAL = ROOT / ".local"
LAST_WORDS_LINES = 5


class SetupFailed(Exception):
    """A step could not be done; the message says which, why, and what to do."""


def say(line: str) -> None:
    print(line, flush=True)


def with_defaults(environment: Mapping[str, str], defaults: Mapping[str, str], file: Path) -> dict[str, str]:
    """`environment`, plus those `defaults` that neither it nor the `.env` file names, not even as empty.

    The file's values are not put in: the site reads it itself, and prefers the environment.
    """
    named = {*environment, *_variables(file)}
    return {**{name: value for name, value in defaults.items() if name not in named}, **environment}


def value_of(name: str, environment: Mapping[str, str], file: Path) -> str:
    """The site's value of `name`: the environment's, else the file's, else nothing."""
    return environment[name] if name in environment else _variables(file).get(name, "")


def _variables(file: Path) -> dict[str, str]:
    try:
        return dotenv.read(file)
    except dotenv.Unreadable as error:
        raise SetupFailed(str(error)) from None


def last_words(text: str) -> str:
    """The end of a program's output, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-LAST_WORDS_LINES:]) or "it said nothing"

"""Generates `.env.example` and the tables of docs/settings.md: `python -m rhesis_site.documents`."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analytics.otel_variables import EVERY_VARIABLE
from privacy.declared import Setting
from rhesis_site.declared import EVERY_SETTING, SECTIONS

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 118
BEGIN, END = "<!-- begin: generated from the declarations -->", "<!-- end -->"
ENV_EXAMPLE_HEAD = (
    "All variables of this project, with their defaults. `manage.py check` reports each invalid one by number.",
    "To try the project, copy only the lines you change to `.env`. For variables that `.env` does not name, `dev.py "
    "run` uses values for this machine (plain HTTP, its own processor); an empty line counts as naming it. For a real "
    "installation, copy the whole file.",
    "Environment variables take precedence over `.env`. A blank variable counts as unset.",
    "The file is UTF-8, one NAME=value a line, with or without `export` before it. Values are literal: $, #, % and "
    "backslashes have no special meaning. Spaces around a value and quotes around all of it are removed; quotes keep "
    "the spaces inside. A comment needs its own line. Values that shells, systemd and Compose read differently are "
    "errors: a space and # or another NAME= outside quotes, a quote inside the same quotes, a backslash in double "
    "quotes. In a file that a shell or systemd reads too, put values in single quotes.",
    "Generated from the declarations by `python -m rhesis_site.documents`.",
)


def env_example() -> str:
    head = "\n#\n".join(_comment(paragraph) for paragraph in ENV_EXAMPLE_HEAD)
    return "\n".join([head, "", *_env_lines()])


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False))


def _env_lines() -> Iterator[str]:
    for title, settings in SECTIONS.items():
        yield f"# --- {title} ---\n"
        for setting in settings:
            yield _comment(setting.help)
            yield f"{setting.name}={setting.default}"
        yield ""


def settings_tables() -> str:
    """Markdown with one table for each section."""
    tables = [line for title, settings in SECTIONS.items() for line in _table(title, settings)]
    return "\n".join([*tables, *_otel_table()])


def _otel_table() -> Iterator[str]:
    declared = {setting.name for setting in EVERY_SETTING}
    yield "### Every standard variable of OpenTelemetry\n"
    yield "| variable | treatment | reason |\n| --- | --- | --- |"
    for variable in EVERY_VARIABLE:
        why = "See above." if variable.name in declared else variable.why
        yield f"| `{variable.name}` | {variable.fate} | {why} |"
    yield ""


def _table(title: str, settings: tuple[Setting[Any], ...]) -> Iterator[str]:
    yield f"### {title}\n"
    yield "| variable | default | meaning | error |\n| --- | --- | --- | --- |"
    for setting in settings:
        default = f"`{setting.default}`" if setting.default else "empty"
        meaning = " ".join(filter(None, [setting.help, setting.meanwhile])).replace("|", "\\|")
        yield f"| `{setting.name}` | {default} | {meaning} | {setting.number or 'none'} |"
    yield ""


def filled_in(document: str, made: str) -> str:
    """`document`, with `made` between the lines BEGIN and END."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{made}\n{END}{rest.partition(END)[2]}"


def documents() -> dict[Path, str]:
    """Path and expected text of every file that is generated from the declarations."""
    table = ROOT / "docs" / "settings.md"
    return {ROOT / ".env.example": env_example(), table: filled_in(table.read_text(), settings_tables())}


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)

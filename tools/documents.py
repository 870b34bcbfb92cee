"""Write every text that is made from the code, and build the pages of the documentation: `python3 dev.py docs`.

Tests compare each text with what is committed.
"""

from __future__ import annotations

import os
import tomllib
from typing import Any

from .checkout import PYTHON, ROOT, SetupFailed, last_words
from .children import run

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
WIDTH = 100  # characters of the picture
BEGIN, END = "<!-- begin: drawn by `python3 dev.py docs` -->", "<!-- end -->"
EXAMPLE = "frontend/examples/vite"
# File, its format, and the catalogue of an app that it is of.
EXPORTS = [
    ("docs/data-dictionary.md", "markdown", ""),
    ("docs/for-our-users.md", "people", ""),
    ("frontend/src/catalogue.ts", "package", ""),
    ("deploy/collector/allow-list.yaml", "collector", ""),
    (f"{EXAMPLE}/src/catalogue.ts", "typescript", f"{EXAMPLE}/catalogue.toml"),
]
COMMANDS = [
    (["-m", "rhesis_site.documents"], ""),
    *(
        (["manage.py", "export_catalogue", "--format", form, "--output", path], catalogue)
        for path, form, catalogue in EXPORTS
    ),
]
PAGES = ROOT / ".local" / "docs"
# A broken link or an unlisted page is an error.
BUILD_PAGES = ["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-c", "docs", ".", str(PAGES)]


def build_pages() -> str:
    """Build the pages as HTML and return the first one's path. Raises SetupFailed with the warnings."""
    outcome = run([str(PYTHON), *BUILD_PAGES], directory=ROOT)
    if outcome.returncode != 0:
        raise SetupFailed(outcome.stderr.rstrip())
    return str(PAGES / "docs" / "index.html")


def write() -> None:
    """Raises SetupFailed where one of the programs does."""
    CONTRIBUTING.write_text(with_picture(CONTRIBUTING.read_text()))
    for arguments, catalogue in COMMANDS:
        environment = {**os.environ, "TELEMETRY_CATALOGUES": catalogue}
        outcome = run([str(PYTHON), *arguments], environment=environment, directory=ROOT)
        if outcome.returncode != 0:
            raise SetupFailed(f"{' '.join(arguments[:2])}: {last_words(outcome.stderr)}")


def with_picture(document: str) -> str:
    """The document with the picture of the layers between its two marks."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n```text\n{picture()}\n```\n\n{END}{rest.partition(END)[2]}"


def picture() -> str:
    """Boxes from the roof down. A module imports from the boxes below its own; `analytics` has its layers inside it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    whole = next(each["layers"] for each in settings["contracts"] if each["type"] == "layers")
    inside = {each["containers"][0]: each["layers"] for each in settings["contracts"] if "containers" in each}
    return "\n".join(_boxes(whole, inside, WIDTH))


def _boxes(layers: list[str], inside: dict[str, Any], width: int) -> list[str]:
    """Lines of `width` characters: a box for each layer, on top of each other."""
    lines = [f"┌{'─' * (width - 2)}┐"]
    for layer in layers:
        if len(lines) > 1:
            lines.append(f"├{'─' * (width - 2)}┤")
        lines.append(f"│ {layer:<{width - 4}} │")
        lines += [f"│ {line} │" for line in _boxes(inside[layer], {}, width - 4)] if layer in inside else []
    return [*lines, f"└{'─' * (width - 2)}┘"]

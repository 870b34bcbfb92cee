"""Sphinx's settings for the pages of this documentation: `python3 dev.py docs`.

The sources are the Markdown files where they are, of the whole checkout, so that their links work on the pages, in a
checkout and on a code host alike.
"""

import re

project = "Rhesis telemetry"
copyright = "the makers of Rhesis"  # noqa: A001  Sphinx's own name
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "docs/index"
include_patterns = ["docs/*.md", "*.md", "deploy/*.md", "deploy/**/*.md", "frontend/*.md"]
exclude_patterns = ["**/node_modules", ".*", "**/.*"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Rhesis telemetry"
html_copy_source = False
nitpicky = True
# Sections of settings are of one level, whatever is above them.
suppress_warnings = ["myst.header"]


def setup(app: object) -> None:
    app.connect("source-read", _without_comments)  # type: ignore[attr-defined]


def _without_comments(_app: object, _name: str, source: list[str]) -> None:
    """Leave out the comments that mark generated parts."""
    source[0] = re.sub(r"<!--.*?-->\n?", "", source[0], flags=re.DOTALL)

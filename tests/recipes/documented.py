"""The files that a document shows: fenced blocks with a language and a name, such as "```python app.py"."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONNECT = ROOT / "docs" / "connect.md"
BLOCK = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files(document: Path = CONNECT) -> dict[str, str]:
    """Their text by their names."""
    return dict(BLOCK.findall(document.read_text(encoding="utf-8")))


def variables() -> dict[str, str]:
    """The environment that docs/connect.md shows."""
    lines = files()["telemetry.env"].splitlines()
    return dict(line.split("=", 1) for line in lines)

"""SQL longer than one line lives in files here, each with a name and a comment that says what it is for."""

from functools import cache
from pathlib import Path


@cache
def sql(name: str) -> str:
    """The text of `name`.sql. Raises FileNotFoundError for a name that is not there."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")

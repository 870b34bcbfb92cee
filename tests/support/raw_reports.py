"""Reports computed from the raw rows: what tests and benchmarks compare the rollups with."""

from pathlib import Path

# Parameters of all these queries that filter nothing; start, end (exclusive) and now come beside them.
UNFILTERED = {"deployment": None, "name": None, "method": None}


def raw_sql(name: str) -> str:
    """The text of `name`.sql beside this file. Raises FileNotFoundError for a name that is not there."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")

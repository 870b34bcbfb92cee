"""Option `--months` and plan output, shared by the commands that purge."""

from collections.abc import Iterator

from django.core.management.base import CommandError, CommandParser

from analytics.keep.retention import Plan
from analytics.management.database import WRONG_USAGE
from analytics.retention import RETENTION_MONTHS

LONGEST_MONTHS = 1200


def add_months_option(parser: CommandParser) -> None:
    parser.add_argument(
        "--months", default=str(RETENTION_MONTHS), help="age in months from which raw rows are purged (12)"
    )


def parse_months(value: object) -> int:
    """Months of `--months`. One-line error instead of argparse's usage page."""
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= LONGEST_MONTHS):
        raise CommandError(
            f"--months must be a whole number from 1 to {LONGEST_MONTHS}; it is {text!r}", returncode=WRONG_USAGE
        )
    return int(text)


def plan_lines(plan: Plan) -> Iterator[str]:
    """Lines that describe the plan."""
    yield f"rows older than {plan.cutoff:%Y-%m-%d %H:%M} UTC"
    if plan.is_empty:
        yield "nothing to purge"
    for partition in plan.whole:
        rows = "unknown" if partition.rows < 0 else f"about {partition.rows:,}"
        yield f"  drop   {partition.name}: {rows} rows, {partition.size_bytes:,} bytes"
    for partition, count in plan.partly:
        yield f"  delete {count:,} rows from {partition.name}"
    for partition in plan.detached:
        yield f"  attach {partition.name}, left detached by an interrupted purge"

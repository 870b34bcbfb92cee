"""What the commands that purge have in common: the option, and the words of a plan."""

from collections.abc import Iterator

from django.core.management.base import CommandError, CommandParser

from analytics.keep.retention import Plan
from analytics.management.database import WRONG_USAGE
from analytics.retention import RETENTION_MONTHS

LONGEST_MONTHS = 1200


def add_months_option(parser: CommandParser) -> None:
    parser.add_argument("--months", default=str(RETENTION_MONTHS), help="how long raw rows are kept (12)")


def parse_months(word: object) -> int:
    """Not left to argparse, which answers a typing mistake with a page."""
    text = str(word)
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= LONGEST_MONTHS):
        raise CommandError(
            f"--months must be a whole number from 1 to {LONGEST_MONTHS}; it is {text!r}", returncode=WRONG_USAGE
        )
    return int(text)


def in_words(plan: Plan) -> Iterator[str]:
    """The plan, line by line."""
    yield f"rows from before {plan.cutoff:%Y-%m-%d %H:%M} UTC are past their time"
    if plan.is_empty:
        yield "there are none"
    for partition in plan.whole:
        rows = "unknown" if partition.rows < 0 else f"about {partition.rows:,}"
        yield f"  drop   {partition.name}: {rows} rows, {partition.size_bytes:,} bytes"
    for partition, count in plan.partly:
        yield f"  delete {count:,} rows from {partition.name}"
    for partition in plan.detached:
        yield f"  attach {partition.name} again, which an interrupted purge left detached"

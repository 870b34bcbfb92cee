"""Options and plan output, shared by the commands that purge."""

from collections.abc import Iterator

from django.core.management.base import CommandParser

from analytics.keep.purge import Plan, doubts
from analytics.management.options import whole_number
from analytics.retention import RETENTION_MONTHS

LONGEST_MONTHS = 1200


def add_purge_options(parser: CommandParser) -> None:
    parser.add_argument(
        "--months", default=str(RETENTION_MONTHS), help="age in months from which raw rows are purged (12)"
    )
    parser.add_argument("--yes", action="store_true", help="purge even if clocks disagree or many months go at once")


def parse_months(text: object) -> int:
    return whole_number("--months", text, 1, LONGEST_MONTHS)


def plan_lines(plan: Plan) -> Iterator[str]:
    """Lines that describe the plan."""
    yield f"rows older than {plan.cutoff:%Y-%m-%d %H:%M} UTC"
    if plan.is_empty:
        yield "nothing to purge"
    for partition in plan.whole:
        rows = "unknown" if partition.rows < 0 else f"about {partition.rows:,}"
        yield f"  drop   {partition.name}: {rows} rows, {partition.size_bytes:,} bytes"
    for partition, count in plan.partly:
        yield f"  hide   {count:,} rows of {partition.name}"
    for partition in plan.detached:
        yield f"  attach {partition.name}, left detached by an interrupted purge"
    for doubt in doubts(plan):
        yield f"  only with --yes: {doubt}"

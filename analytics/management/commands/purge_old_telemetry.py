"""Drops raw telemetry past its time; aggregates stay."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.keep.retention import AlreadyPurging, Plan, only_one_at_a_time, plan_purge, purge
from analytics.retention import RETENTION_MONTHS

LONGEST_MONTHS = 1200


class Command(BaseCommand):
    help = "Drop raw telemetry rows older than 12 months. Says what goes; --dry-run only says it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--months", default=str(RETENTION_MONTHS), help="how long rows are kept (12)")
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and leave it")

    def handle(self, *args: Any, **options: Any) -> None:
        months = _months(options["months"])
        try:
            with only_one_at_a_time():
                plan = plan_purge(months)
                self._say(plan)
                if options["dry_run"]:
                    self.stdout.write("dry run: nothing was changed")
                elif not plan.is_empty:
                    purge(plan, say=self.stdout.write)
        except AlreadyPurging as error:
            raise CommandError(f"{error}; this one does nothing", returncode=2) from None

    def _say(self, plan: Plan) -> None:
        self.stdout.write(f"rows from before {plan.cutoff:%Y-%m-%d %H:%M} UTC are past their time")
        if plan.is_empty:
            self.stdout.write("there are none")
        for partition in plan.whole:
            rows = "unknown" if partition.rows < 0 else f"about {partition.rows:,}"
            self.stdout.write(f"  drop   {partition.name}: {rows} rows, {partition.size_bytes:,} bytes")
        for partition, count in plan.partly:
            self.stdout.write(f"  delete {count:,} rows from {partition.name}")


def _months(word: object) -> int:
    """Not left to argparse, which answers a typing mistake with a page."""
    text = str(word)
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= LONGEST_MONTHS):
        raise CommandError(f"--months must be a whole number from 1 to {LONGEST_MONTHS}; it is {text!r}", returncode=2)
    return int(text)

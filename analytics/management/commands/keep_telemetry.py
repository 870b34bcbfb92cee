"""All that telemetry needs to be kept well, in order, for one cron line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.keep.locks import AlreadyKeeping, only_one_at_a_time
from analytics.keep.partitions import make_months_ahead
from analytics.keep.retention import plan_purge, purge
from analytics.keep.rollups import NotRolledUp, roll_up, touch_all_days
from analytics.management.database import TRY_AGAIN, WRONG_USAGE, database_may_go_away
from analytics.management.purging import add_months_option, in_words, parse_months
from analytics.room import send_pending_erasures


class Command(BaseCommand):
    help = "Make months ahead, roll up, purge, and ask again for deletions not acknowledged yet. Safe at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        add_months_option(parser)
        parser.add_argument("--recompute", action="store_true", help="roll up every day again whose raw rows are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        months = parse_months(options["months"])
        with database_may_go_away():
            try:
                with only_one_at_a_time():
                    self._keep(months, recompute=options["recompute"])
            except AlreadyKeeping as error:
                raise CommandError(f"{error}; this one does nothing", returncode=WRONG_USAGE) from None
            except NotRolledUp as error:
                # Rows came in between our rollup and our purge; the next run counts them.
                raise CommandError(str(error), returncode=TRY_AGAIN) from None
            acknowledged, waiting = send_pending_erasures()
        self.stdout.write(f"4/4 deletions elsewhere: {acknowledged} acknowledged, {waiting} still waiting")

    def _keep(self, months: int, *, recompute: bool) -> None:
        self.stdout.write(f"1/4 partitions: {make_months_ahead()} made")
        if recompute:
            touch_all_days()
        done = roll_up(say=lambda line: self.stdout.write(f"  {line}"))
        self.stdout.write(f"2/4 rollups: {done.days} days and {done.months} months computed")
        plan = plan_purge(months)
        first, *rest = in_words(plan)
        self.stdout.write(f"3/4 purge: {first}")
        for line in rest:
            self.stdout.write(f"  {line}")
        purge(plan, say=lambda line: self.stdout.write(f"  {line}"))

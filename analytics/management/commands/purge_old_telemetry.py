"""Purge raw telemetry rows older than 12 months; aggregates stay."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.keep.locks import AlreadyKeeping, only_one_at_a_time
from analytics.keep.purge import Doubtful, plan_purge, purge, refuse_if_doubtful
from analytics.keep.rollups import NotRolledUp
from analytics.management.database import WRONG_USAGE, database_may_go_away
from analytics.management.purging import add_purge_options, parse_months, plan_lines


class Command(BaseCommand):
    help = "Purge raw telemetry rows older than 12 months, and print what is purged."

    def add_arguments(self, parser: CommandParser) -> None:
        add_purge_options(parser)
        parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        months = parse_months(options["months"])
        try:
            with database_may_go_away(), only_one_at_a_time():
                plan = plan_purge(months)
                for line in plan_lines(plan):
                    self.stdout.write(line)
                if not options["dry_run"]:
                    if not options["yes"]:
                        refuse_if_doubtful(plan)
                    purge(plan, report=self.stdout.write)
                    return
        except (AlreadyKeeping, NotRolledUp) as error:
            raise CommandError(f"{error}; nothing was changed", returncode=WRONG_USAGE) from None
        except Doubtful as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        if plan.behind:
            self.stdout.write(f"{len(plan.behind)} of those days are not rolled up yet. Run keep_telemetry first.")
        self.stdout.write("dry run: nothing was changed")

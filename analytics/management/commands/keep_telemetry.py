"""All that telemetry needs to be kept well, in order, for one cron line; or again and again, until it is ended."""

import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from analytics.erasure import elsewhere
from analytics.keep.locks import AlreadyKeeping, only_one_at_a_time
from analytics.keep.partitions import make_months_ahead, missing_ahead
from analytics.keep.retention import plan_purge, purge
from analytics.keep.rollups import NotRolledUp, roll_up, touch_all_days, waiting_days
from analytics.management.database import TRY_AGAIN, WRONG_USAGE, database_may_go_away
from analytics.management.purging import add_months_option, in_words, parse_months
from analytics.show.bi_views import publish_threshold

LONGEST_SECONDS = 86_400
Say = Callable[[str], None]


class Command(BaseCommand):
    help = "Make months ahead, roll up, purge, and ask again for deletions not acknowledged yet. Safe at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        add_months_option(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and leave it")
        parser.add_argument("--recompute", action="store_true", help="roll up every day again whose raw rows are kept")
        parser.add_argument(
            "--every", metavar="SECONDS", help="do it again so long after each time, and say so where anything is new"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        months, seconds = parse_months(options["months"]), _parse_seconds(options["every"])
        if options["dry_run"]:
            if seconds is not None:
                raise CommandError("--dry-run and --every do not go together", returncode=WRONG_USAGE)
            with database_may_go_away():
                _say_what_would_be_done(months, say=self.stdout.write)
            return
        if seconds is None:
            _once(months, recompute=options["recompute"], say=self.stdout.write)
            return
        said: list[str] = []
        try:
            while True:
                lines: list[str] = []
                try:
                    _once(months, recompute=options["recompute"], say=lines.append)
                    options["recompute"] = False
                except CommandError as error:
                    # What was done is kept; the next time goes on from there.
                    lines.append(str(error))
                if lines != said:
                    self.stdout.write("\n".join(lines))
                    self.stdout.flush()
                said = lines
                close_old_connections()
                time.sleep(seconds)
        except KeyboardInterrupt:
            pass


def _once(months: int, *, recompute: bool, say: Say) -> None:
    with database_may_go_away():
        try:
            with only_one_at_a_time():
                _keep(months, recompute=recompute, say=say)
        except AlreadyKeeping as error:
            raise CommandError(f"{error}; this one does nothing", returncode=WRONG_USAGE) from None
        except NotRolledUp as error:
            # Rows came in between our rollup and our purge; the next run counts them.
            raise CommandError(str(error), returncode=TRY_AGAIN) from None
        acknowledged, waiting = elsewhere.send_pending()
    say(f"4/4 deletions elsewhere: {acknowledged} acknowledged, {waiting} still waiting")


def _keep(months: int, *, recompute: bool, say: Say) -> None:
    say(f"1/4 partitions: {make_months_ahead()} made")
    # So that a changed setting reaches whoever reads the views, without anybody remembering to tell them.
    publish_threshold()
    if recompute:
        touch_all_days()
    done = roll_up(say=lambda line: say(f"  {line}"))
    say(f"2/4 rollups: {done.days} days and {done.months} months computed")
    plan = plan_purge(months)
    first, *rest = in_words(plan)
    say(f"3/4 purge: {first}")
    for line in rest:
        say(f"  {line}")
    purge(plan, say=lambda line: say(f"  {line}"))


def _say_what_would_be_done(months: int, *, say: Say) -> None:
    missing, days = missing_ahead(), waiting_days()
    say(f"1/4 partitions: {len(missing)} to make")
    for name in missing:
        say(f"  make   {name}")
    say(f"2/4 rollups: {len(days)} days to compute" + (f", {days[0]} to {days[-1]}" if days else ""))
    first, *rest = in_words(plan_purge(months))
    say(f"3/4 purge: {first}")
    for line in rest:
        say(f"  {line}")
    say(f"4/4 deletions elsewhere: {elsewhere.number_pending()} to ask for again")
    say("dry run: nothing was changed")


def _parse_seconds(word: object) -> int | None:
    """None for no word. Not left to argparse, which answers a typing mistake with a page."""
    if word is None:
        return None
    text = str(word)
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= LONGEST_SECONDS):
        raise CommandError(
            f"--every must be a whole number of seconds from 1 to {LONGEST_SECONDS}; it is {text!r}",
            returncode=WRONG_USAGE,
        )
    return int(text)

"""Maintain the telemetry tables: partitions, rollups, purge, deletions elsewhere. Runs once, or every N seconds."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from analytics.conf import conf
from analytics.erasure import requests
from analytics.erasure.correction import correct_rollups
from analytics.erasure.receipts import forget_whose
from analytics.exceptions import InUse
from analytics.keep.consent import count_consent
from analytics.keep.locks import AlreadyKeeping, only_one_at_a_time
from analytics.keep.partitions import make_months_ahead, missing_ahead
from analytics.keep.purge import Doubtful, plan_purge, purge, refuse_if_doubtful
from analytics.keep.rollups import NotKept, NotRolledUp, open_again, roll_up, touch_all_days, waiting_days
from analytics.management.database import RUN_AGAIN, TRY_AGAIN, WRONG_USAGE, database_may_go_away
from analytics.management.options import whole_number
from analytics.management.purging import add_purge_options, parse_months, plan_lines
from analytics.show.alerts import send_alerts
from analytics.show.bi_views import publish_threshold
from analytics.show.digest import send_digests

LONGEST_SECONDS = 86_400
Write = Callable[[str], None]


class Command(BaseCommand):
    help = "Create partitions, roll up, purge, and send deletions again that were not accepted. Safe at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        add_purge_options(parser)
        parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
        parser.add_argument("--recompute", action="store_true", help="recompute every day that still has raw rows")
        parser.add_argument(
            "--reopen", metavar="DAY", help="recompute closed days from DAY on; their rows must be kept"
        )
        parser.add_argument(
            "--every", metavar="SECONDS", help="repeat after this many seconds; print only output that changed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        months, every = parse_months(options["months"]), options["every"]
        seconds = None if every is None else whole_number("--every", every, 1, LONGEST_SECONDS, of="seconds")
        once = {"recompute": options["recompute"], "reopen": _parse_day(options["reopen"]), "yes": options["yes"]}
        if options["dry_run"]:
            if seconds is not None or once["reopen"]:
                raise CommandError(
                    "--dry-run and --every or --reopen cannot be combined; remove one", returncode=WRONG_USAGE
                )
            with database_may_go_away():
                _print_plan(months, write=self.stdout.write)
            return
        if seconds is None:
            _run(months, once, write=self.stdout.write)
            return
        printed: list[str] = []
        try:
            while True:
                lines: list[str] = []
                try:
                    _run(months, once, write=lines.append)
                    once = {}
                except CommandError as error:
                    # Finished steps are committed; the next run resumes from there.
                    lines.append(str(error))
                if lines != printed:
                    self.stdout.write("\n".join(lines))
                    self.stdout.flush()
                printed = lines
                close_old_connections()
                time.sleep(seconds)
        except KeyboardInterrupt:
            pass


def _run(months: int, once: dict[str, Any], *, write: Write) -> None:
    """Staff are told of alerts also where keeping fails, so that they hear of that."""
    try:
        _keep_all(months, once, write=write)
    except CommandError:
        with suppress(CommandError):  # the error of keeping has the cause
            _tell(is_kept=False, write=write)
        raise
    _tell(is_kept=True, write=write)


def _tell(*, is_kept: bool, write: Write) -> None:
    with database_may_go_away():
        told = send_alerts(is_kept=is_kept)
    if told.sent or told.failed:
        write(f"alerts: {told.sent} sent, {told.failed} failed")


def _keep_all(months: int, once: dict[str, Any], *, write: Write) -> None:
    """Options in `once` hold for this run only. Deletions are carried out and sent even if the purge is refused."""
    refused: CommandError | None = None
    with database_may_go_away():
        try:
            with only_one_at_a_time():
                _keep(months, once, write=write)
        except (AlreadyKeeping, NotKept) as error:
            raise CommandError(f"{error}; nothing was changed", returncode=WRONG_USAGE) from None
        except Doubtful as error:
            refused = CommandError(str(error), returncode=WRONG_USAGE)
        except NotRolledUp as error:
            # Rows came in between our rollup and our purge; the next run counts them.
            refused = CommandError(str(error), returncode=TRY_AGAIN)
        except InUse as error:
            refused = CommandError(f"{error}; {RUN_AGAIN}", returncode=TRY_AGAIN)
        done, waiting = requests.carry_out_pending()
        if done and conf.stored_here:
            correct_rollups(report=lambda line: write(f"  {line}"))
        forget_whose()
        digests = send_digests()
    if digests.sent or digests.failed:
        write(f"digests: {digests.sent} sent, {digests.failed} failed")
    if conf.stored_here:
        write(f"4/4 deletions requested while the database was away: {done}")
    else:
        write(f"4/4 deletions elsewhere: {done} accepted, {waiting} waiting")
    if refused:
        raise refused


def _keep(months: int, once: dict[str, Any], *, write: Write) -> None:
    if day := once.get("reopen"):
        write(f"{open_again(day)} closed days from {day} on are open again")
    write(f"1/4 partitions: {make_months_ahead()} created")
    # Applies a changed TELEMETRY_SMALLEST_GROUP_BI to the views.
    publish_threshold()
    if once.get("recompute"):
        touch_all_days()
    done = roll_up(report=lambda line: write(f"  {line}"))
    count_consent()
    write(f"2/4 rollups: {done.days} days and {done.months} months computed")
    plan = plan_purge(months)
    first, *rest = plan_lines(plan)
    write(f"3/4 purge: {first}")
    for line in rest:
        write(f"  {line}")
    if not once.get("yes"):
        refuse_if_doubtful(plan)
    purge(plan, report=lambda line: write(f"  {line}"))


def _print_plan(months: int, *, write: Write) -> None:
    missing, days = missing_ahead(), waiting_days()
    write(f"1/4 partitions: {len(missing)} to create")
    for name in missing:
        write(f"  create {name}")
    write(f"2/4 rollups: {len(days)} days to compute" + (f", {days[0]} to {days[-1]}" if days else ""))
    first, *rest = plan_lines(plan_purge(months))
    write(f"3/4 purge: {first}")
    for line in rest:
        write(f"  {line}")
    what = "requested while the database was away" if conf.stored_here else "elsewhere"
    write(f"4/4 deletions {what}: {requests.number_pending()} to carry out")
    write("dry run: nothing was changed")


def _parse_day(value: object) -> date | None:
    """Day of `--reopen`; None if absent."""
    try:
        return None if value is None else date.fromisoformat(str(value))
    except ValueError:
        raise CommandError(
            f"--reopen must be a day such as 2026-03-31; it is {str(value)!r}", returncode=WRONG_USAGE
        ) from None

"""Delete one person's telemetry, or repeat all deletions after a restore."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.erasure import log, requests, restore
from analytics.erasure.correction import correct_rollups
from analytics.management.database import WRONG_USAGE, database_may_go_away
from privacy.choices import request_deletion
from privacy.models import Source
from privacy.people import Person, find_user


class Command(BaseCommand):
    help = "Delete the telemetry of one person and print the receipt. After a restore: repeat all recorded deletions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", nargs="?", help="user name or id")
        parser.add_argument("--replay", action="store_true", help="repeat every recorded deletion, after a restore")
        parser.add_argument("--log", type=Path, metavar="FILE", help="with --replay: also the deletions in this file")
        parser.add_argument("--save-log", type=Path, metavar="FILE", help="write all recorded deletions to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = [name for name in ("user", "replay", "save_log") if options[name]]
        if len(wanted) != 1 or (options["log"] and not options["replay"]):
            raise CommandError(
                "choose one: a user, --replay (optionally with --log FILE), or --save-log FILE",
                returncode=WRONG_USAGE,
            )
        try:
            with database_may_go_away():
                if options["replay"]:
                    self._replay(options["log"])
                elif options["save_log"]:
                    self.stdout.write(f"{log.write_file(options['save_log'])} requests written")
                else:
                    self._erase(find_user(options["user"]))
        except log.UnusableLog as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None

    def _erase(self, user: Person) -> None:
        receipt = request_deletion(user.pk, source=Source.COMMAND, actor_id=None)
        self.stdout.write(f"receipt {receipt.id}, {receipt.requested_at:%Y-%m-%d %H:%M:%S} UTC")
        if receipt.completed_at is None:
            accepted, waiting = requests.carry_out_pending()
            self.stdout.write(f"requests to the collector: {accepted} accepted, {waiting} waiting")
            return
        if not any(receipt.rows_deleted.values()):
            self.stdout.write("nothing was stored about this person; late events from before now will be rejected")
            return
        for table, rows in receipt.rows_deleted.items():
            self.stdout.write(f"  {table}: {rows} rows deleted")
        self._correct_rollups()
        corrected = requests.receipts(user.pk)[0]
        at = f"{corrected.recomputed_at:%Y-%m-%d %H:%M:%S} UTC" if corrected.recomputed_at else "never"
        self.stdout.write(f"  rollups: {corrected.days_recomputed} days recomputed, the last at {at}")
        self.stdout.write(f"done: {sum(receipt.rows_deleted.values())} rows deleted")

    def _replay(self, file: Path | None) -> None:
        erased, rows = restore.replay(log.of_file(file) if file else [])
        self.stdout.write(f"{erased} deletions repeated, {rows} rows deleted")
        self._correct_rollups()
        if waiting := requests.number_pending():
            self.stdout.write(f"requests to the collector: {waiting} waiting")

    def _correct_rollups(self) -> None:
        correct_rollups(report=lambda line: self.stdout.write(f"  {line}"))

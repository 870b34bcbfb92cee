"""Asks again for deletions that were not acknowledged yet by where the rows live."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.erasure import elsewhere
from analytics.management.database import TRY_AGAIN, database_may_go_away


class Command(BaseCommand):
    help = "Send requests to delete that were not acknowledged yet. For a cron line of an installation that sends away."

    def handle(self, *args: Any, **options: Any) -> None:
        with database_may_go_away():
            acknowledged, waiting = elsewhere.send_pending()
        self.stdout.write(f"acknowledged: {acknowledged}, still waiting: {waiting}")
        if waiting:
            raise CommandError("some requests were not acknowledged; they stay pending", returncode=TRY_AGAIN)

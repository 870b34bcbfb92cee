"""Send requests to delete again that the collector has not accepted yet."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics.erasure import requests
from analytics.management.database import TRY_AGAIN, database_may_go_away


class Command(BaseCommand):
    help = "Send requests to delete that the collector has not accepted yet. For cron on a site that stores elsewhere."

    def handle(self, *args: Any, **options: Any) -> None:
        with database_may_go_away():
            acknowledged, waiting = requests.carry_out_pending()
        self.stdout.write(f"requests to the collector: {acknowledged} accepted, {waiting} waiting")
        if waiting:
            raise CommandError(
                "the collector did not accept every request; they stay pending, run this again", returncode=TRY_AGAIN
            )

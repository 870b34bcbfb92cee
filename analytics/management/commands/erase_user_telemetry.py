"""Deletes what was collected of one person, as they could themselves under Settings -> Privacy."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.people import find_user
from privacy.choices import request_deletion
from privacy.models import Source


class Command(BaseCommand):
    help = "Delete the telemetry of one person and print the receipt."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name or id")

    def handle(self, *args: Any, **options: Any) -> None:
        receipt = request_deletion(find_user(options["user"]).pk, source=Source.COMMAND, actor_id=None)
        self.stdout.write(f"receipt {receipt.id}, {receipt.requested_at:%Y-%m-%d %H:%M:%S} UTC")
        if any(receipt.rows_deleted.values()):
            for table, rows in receipt.rows_deleted.items():
                self.stdout.write(f"  {table}: {rows} rows deleted")
        self.stdout.write(receipt.status)

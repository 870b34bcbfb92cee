"""Deletes what was collected of one person, as they could themselves under Settings -> Privacy."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from analytics.room import Room
from privacy.choices import note_erasure_requested
from privacy.models import Source


class Command(BaseCommand):
    help = "Delete the telemetry of one person and print the receipt."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name or id")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_user(options["user"])
        note_erasure_requested(user.pk, source=Source.COMMAND, actor_id=None)
        receipt = Room().request_erasure(user.pk)
        self.stdout.write(f"receipt {receipt.id}, {receipt.requested_at:%Y-%m-%d %H:%M:%S} UTC")
        for table, rows in receipt.rows_deleted.items():
            self.stdout.write(f"  {table}: {rows} rows deleted")
        self.stdout.write(receipt.status)


def find_user(word: str) -> User:
    """By name, else by id. Raises CommandError."""
    user = User.objects.filter(username=word).first()
    if user is None:
        try:
            user = User.objects.filter(pk=UUID(word)).first()
        except ValueError:
            user = None
    if user is None:
        raise CommandError(
            "there is no such person; give a user name or a user id (a pseudonym is neither)", returncode=2
        )
    return user

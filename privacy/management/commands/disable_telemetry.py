"""Switch sharing off for one person. Only that person can switch it on."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from privacy.choices import choose
from privacy.models import Source
from privacy.people import find_user


class Command(BaseCommand):
    help = "Switch sharing off for one person. The ledger records it, and the person sees it there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name or id")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_user(options["user"])
        decision = choose(user.pk, enabled=False, source=Source.COMMAND, actor_id=None)
        self.stdout.write(decision.explanation)

"""Print whether one person's usage is recorded now, and why."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from privacy.gate import decision_for
from privacy.people import find_user


class Command(BaseCommand):
    help = "Print the effective decision for one person, and its reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name or id")

    def handle(self, *args: Any, **options: Any) -> None:
        decision = decision_for(find_user(options["user"]).pk)
        self.stdout.write(decision.explanation)
        if decision.since is not None:
            self.stdout.write(f"since {decision.since:%Y-%m-%d %H:%M:%S} UTC")

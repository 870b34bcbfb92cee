"""Create or update the database roles of site, processor and keeper."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.management.database import WRONG_USAGE, database_may_go_away
from analytics.roles.addresses import variables, write
from analytics.roles.granting import Granted, grant
from analytics.roles.statements import Refused


class Command(BaseCommand):
    help = (
        "Create or update the database roles of site, processor and keeper, each with the rights it needs. "
        "Run it as the tables' owner, once and after each migrate."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prefix", help="of the roles' names; by default the name of the site's database")
        parser.add_argument("--new-passwords", action="store_true", help="give each role a new password")
        parser.add_argument(
            "--files",
            metavar="DIR",
            type=Path,
            help="write each address to a private file there instead of printing it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with database_may_go_away():
            try:
                granted = grant(options["prefix"], new_passwords=options["new_passwords"])
            except Refused as error:
                raise CommandError(str(error), returncode=WRONG_USAGE) from None
        for role in granted:
            self.stdout.write(f"{role.name}: {role.changes} rights changed")
            if role.password is not None:
                self._hand_out(role, options["files"])

    def _hand_out(self, role: Granted, directory: Path | None) -> None:
        if directory is None:
            self.stdout.write(f"  for the {role.role}, shown only once:")
            for line in variables(role):
                self.stdout.write(f"  {line}")
            return
        try:
            self.stdout.write(f"  for the {role.role}: {write(directory, role)}")
        except OSError as error:
            raise CommandError(
                f"the roles are there, but {directory} cannot be written ({error.strerror}); "
                "name another directory and run this again with --new-passwords",
                returncode=WRONG_USAGE,
            ) from None

"""Makes or updates the database role that Looker Studio, or another BI tool, signs in as."""

import getpass
import os
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from analytics.management.database import WRONG_USAGE, database_may_go_away
from analytics.router import analytics_database
from analytics.show.reporting_role import Granted, Refused, exists, grant, remove

PASSWORD_VARIABLE = "TELEMETRY_REPORTING_PASSWORD"  # noqa: S105  the name of it


class Command(BaseCommand):
    help = (
        "Make or update a database role that reads the views for BI and the three tables, and nothing else. "
        f"Its password is that of the variable {PASSWORD_VARIABLE}, or asked for, or made up and printed once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", help="name of the role, such as looker")
        parser.add_argument("--views-only", action="store_true", help="no rows of people: only the views")
        parser.add_argument("--ask-password", action="store_true", help="ask for the password")
        parser.add_argument("--new-password", action="store_true", help="make up a new one for a role there is already")
        parser.add_argument("--remove", action="store_true", help="take all of it away again, and drop the role")

    def handle(self, *args: Any, **options: Any) -> None:
        role: str = options["role"]
        with database_may_go_away():
            try:
                if options["remove"]:
                    remove(role)
                    self.stdout.write(f"role {role} dropped")
                    return
                password, made_up = _password(options, is_new=not exists(role))
                granted = grant(role, views_only=options["views_only"], password=password)
            except Refused as error:
                raise CommandError(str(error), returncode=WRONG_USAGE) from None
        self._say(role, granted)
        if made_up:
            self.stdout.write(f"password, shown this once: {password}")
        elif password is None:
            self.stdout.write("password: as it was")

    def _say(self, role: str, granted: Granted) -> None:
        self.stdout.write(f"role {role} {'made' if granted.made else 'updated'}; it reads, and nothing else:")
        for relation in granted.relations:
            self.stdout.write(f"  {relation}")
        for statement in granted.unset:
            self.stdout.write(f"not set, for want of rights; have the server's administrator run: {statement};")
        if granted.may_make_temporary_tables:
            self.stdout.write(
                "it may make temporary tables, as every role of this database; deploy/looker/README.md says more"
            )
        self.stdout.write(f"rows of the views are about {granted.smallest_group} people or more")
        where = connections[analytics_database()].get_connection_params()
        place = {name: where.get(name) for name in ("host", "port", "dbname")} | {"user": role}
        self.stdout.write("sign in with " + " ".join(f"{name}={value}" for name, value in place.items() if value))


def _password(options: dict[str, Any], *, is_new: bool) -> tuple[str | None, bool]:
    """The password to set (None: leave it), and whether it was made up here and must be told."""
    if options["ask_password"] and options["new_password"]:
        raise Refused("--ask-password and --new-password are two ways to one thing; give one of them")
    if options["ask_password"]:
        return getpass.getpass(f"Password of {options['role']}: "), False
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given, False
    if is_new or options["new_password"]:
        return secrets.token_urlsafe(24), True
    return None, False

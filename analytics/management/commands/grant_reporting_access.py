"""Create or update the read-only database role of Looker Studio or another BI tool."""

import getpass
import os
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from analytics.management.database import WRONG_USAGE, database_may_go_away
from analytics.roles.statements import Refused
from analytics.router import analytics_database
from analytics.show.reporting_role import Granted, exists, grant, remove

PASSWORD_VARIABLE = "TELEMETRY_REPORTING_PASSWORD"  # noqa: S105  the name of it


class Command(BaseCommand):
    help = (
        "Create or update a database role that reads only the BI views and the three tables. "
        f"Its password comes from {PASSWORD_VARIABLE} or a prompt, or is generated and printed once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", help="name of the role, such as looker")
        parser.add_argument("--views-only", action="store_true", help="read the views only, not the three tables")
        parser.add_argument("--ask-password", action="store_true", help="prompt for the password")
        parser.add_argument("--new-password", action="store_true", help="generate a new password for an existing role")
        parser.add_argument("--remove", action="store_true", help="revoke everything and drop the role")

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
        self._report(role, granted)
        if made_up:
            self.stdout.write(f"password, shown only once: {password}")
        elif password is None:
            self.stdout.write("password: unchanged")

    def _report(self, role: str, granted: Granted) -> None:
        self.stdout.write(f"role {role} {'created' if granted.made else 'updated'}; it can read only:")
        for relation in granted.relations:
            self.stdout.write(f"  {relation}")
        for statement in granted.unset:
            self.stdout.write(f"this site's role may not set this; ask the server's administrator to run: {statement};")
        if granted.may_make_temporary_tables:
            self.stdout.write(
                "it may create temporary tables, like every role of this database (see deploy/looker/README.md)"
            )
        self.stdout.write(f"the views show groups of {granted.smallest_group} people or more")
        where = connections[analytics_database()].get_connection_params()
        place = {name: where.get(name) for name in ("host", "port", "dbname")} | {"user": role}
        self.stdout.write("sign in with " + " ".join(f"{name}={value}" for name, value in place.items() if value))


def _password(options: dict[str, Any], *, is_new: bool) -> tuple[str | None, bool]:
    """The password to set (None: leave unchanged), and whether it was generated here and must be printed."""
    if options["ask_password"] and options["new_password"]:
        raise Refused("--ask-password and --new-password cannot be combined; remove one")
    if options["ask_password"]:
        return getpass.getpass(f"Password for {options['role']}: "), False
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given, False
    if is_new or options["new_password"]:
        return secrets.token_urlsafe(24), True
    return None, False

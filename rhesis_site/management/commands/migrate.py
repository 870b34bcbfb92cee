"""`migrate` of every database of the site at once; `migrate --check` speaks of all of them.

Where `grant_roles` has made roles, they get their rights on what is new.
"""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import OperationalError, connections

from analytics.exceptions import AnalyticsError
from analytics.roles.granting import grant, prefix_in_use
from privacy.outages import cause
from privacy.schema import missing_tables

UNFINISHED = 1
MEND_FIRST = 2


class Command(Migrate):
    help = "Updates the schema of every database, or of the one that --database names."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=None)

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        return {**super().get_check_kwargs(options), "databases": _aliases(options)}

    def handle(self, *args: Any, **options: Any) -> None:
        aliases = _aliases(options)
        unfinished = []
        for alias in aliases:
            if len(aliases) > 1 and options["verbosity"] >= 1:
                self.stdout.write(self.style.MIGRATE_HEADING(f"Database {alias}:"))
            try:
                super().handle(*args, **{**options, "database": alias})
            except SystemExit:  # --check: there is something to do
                unfinished.append(alias)
            except OperationalError as error:
                why = cause(error, alias)
                raise CommandError(f"the database cannot be used ({alias}): {why}", returncode=MEND_FIRST) from None
            if not options["app_label"] and not options["plan"] and alias not in unfinished:
                self._refuse_recorded_without_tables(alias)
        if unfinished:
            raise CommandError(f"not migrated: {', '.join(unfinished)}", returncode=UNFINISHED)
        if not any(options[name] for name in ("app_label", "database", "plan", "check_unapplied")):
            _grant_again()

    def _refuse_recorded_without_tables(self, alias: str) -> None:
        if missing := missing_tables(alias):
            raise CommandError(
                f"the database {alias} lacks tables of applied migrations ({', '.join(missing[:3])}). "
                f"For each app of these: manage.py migrate APP zero --fake --database {alias}; then migrate again",
                returncode=MEND_FIRST,
            )


def _grant_again() -> None:
    try:
        if prefix := prefix_in_use():
            grant(prefix)
    except AnalyticsError as error:
        raise CommandError(f"migrated, but the roles lack rights: {error}", returncode=MEND_FIRST) from None


def _aliases(options: dict[str, Any]) -> list[str]:
    return [options["database"]] if options["database"] else list(connections)

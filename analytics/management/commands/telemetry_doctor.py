"""Examine the installation: print what is wrong, what it means, and what to do."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error

from analytics.doctor import examine
from analytics.doctor.finding import Finding, Level
from privacy.outages import cause
from privacy.people import find_user


class Command(BaseCommand):
    help = "Examine this installation. Exit code 0: all is well; 1: look at something; 2: something is broken."
    # The examination includes the checks.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="user name or id: print whether this person's usage is recorded, and why")
        parser.add_argument("--json", action="store_true", help="print one JSON object for each line")

    def handle(self, *args: Any, **options: Any) -> None:
        worst = Level.WELL
        unasked = None
        user = None
        if options["user"]:
            try:
                user = find_user(options["user"])
            except Error as error:
                unasked = Finding(
                    Level.BROKEN, "person", f"could not be looked up: {cause(error)}", do="Correct the database first"
                )
        for finding in [*examine(user, with_test_span=True), *([unasked] if unasked else [])]:
            worst = max(worst, finding.level)
            self.stdout.write(json.dumps(finding.as_json()) if options["json"] else finding.line())
        if worst is not Level.WELL:
            raise SystemExit(worst.value)

"""Verify the ledger's hash chain and print its head."""

import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from privacy.chain import examine

LINES = 20


class Command(BaseCommand):
    help = (
        "Find every line of the ledger that was changed, inserted or taken out, and print the chain's head. "
        "Exit code 0: intact. 1: not intact, with one line for each finding. 2: the head is not written correctly."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", metavar="HASH", help="a head that an earlier run printed, kept elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        head: str | None = options["head"]
        if head is not None and not re.fullmatch(r"[0-9a-f]{64}", head):
            raise CommandError("a head is 64 digits 0-9 and a-f, as verify_ledger prints it", returncode=2)
        found = examine(head)
        if found.problems:
            first, others = found.problems[:LINES], len(found.problems[LINES:])
            raise CommandError("\n".join([*first, *([f"... and {others} more."] if others else [])]), returncode=1)
        self.stdout.write(f"Intact: {found.lines} lines. Head: {found.head}")

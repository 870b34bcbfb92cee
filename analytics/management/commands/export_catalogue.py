"""Export the event catalogue as Markdown, JSON, TypeScript or collector configuration."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.catalogue import load_catalogue
from analytics.catalogue_export import Format, export
from analytics.conf import conf
from analytics.exceptions import CatalogueError


class Command(BaseCommand):
    help = f"Write the catalogue as one of {', '.join(Format)}."
    # A broken catalogue is a one-line error below; other checks do not matter here.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", default=Format.MARKDOWN.value, help=f"one of {', '.join(Format)} (markdown)")
        parser.add_argument("--output", metavar="FILE", help="file to write (standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        # One-line error instead of argparse's usage page.
        name: str = options["format"]
        if name not in set(Format):
            raise CommandError(f"--format must be one of {', '.join(Format)}; it is {name!r}", returncode=2)
        try:
            text = export(load_catalogue(conf.catalogue_paths), Format(name))
        except CatalogueError as error:
            raise CommandError(str(error), returncode=2) from None
        output: str | None = options["output"]
        if output is None:
            self.stdout.write(text, ending="")
            return
        try:
            Path(output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}", returncode=2) from None

"""Writes the catalogue in a form that others read: people, programs, browsers' types, the collector."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.catalogue import load_catalogue
from analytics.catalogue_export import Format, export
from analytics.conf import conf
from analytics.exceptions import CatalogueError


class Command(BaseCommand):
    help = f"Write the catalogue as one of {', '.join(Format)}."
    # A broken catalogue is answered below, in one line; the checks of all the rest have no part in it.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", default=Format.MARKDOWN.value, help=f"one of {', '.join(Format)} (markdown)")
        parser.add_argument("--output", metavar="FILE", help="where to write it; left out, standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        # Not left to argparse, which answers a typing mistake with a page.
        word: str = options["format"]
        if word not in set(Format):
            raise CommandError(f"--format must be one of {', '.join(Format)}; it is {word!r}", returncode=2)
        try:
            text = export(load_catalogue(conf.catalogue_paths), Format(word))
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

"""Verify a person's signed receipt of a choice."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from privacy.receipt_keys import Keys, NoKeys, own_keys, parse_keys
from privacy.receipts import NotValid, verify


class Command(BaseCommand):
    help = (
        "Print whether a receipt is as this site signed it. Exit code 0: it is. 1: it is not. 2: a file cannot be read."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the receipt, as it was downloaded")
        parser.add_argument("--key", metavar="FILE", help="published keys of the site, instead of this site's own")

    def handle(self, *args: Any, **options: Any) -> None:
        receipt = _read(options["file"])
        keys = own_keys() if options["key"] is None else _keys(_read(options["key"]))
        try:
            document = verify(receipt, keys)
        except NotValid as problem:
            raise CommandError(f"Not valid. {problem}", returncode=1) from None
        [process] = document["dpv:hasRecordOfActivity"]["dpv:hasProcess"]
        [status] = process["dpv:hasConsentStatus"]
        [kind] = status["@type"]
        self.stdout.write(f"Valid. {kind.removeprefix('dpv:')} at {status['dpv:isIndicatedAtTime']}")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"the file cannot be read: {error.strerror}", returncode=2) from None


def _keys(text: bytes) -> Keys:
    try:
        return parse_keys(text.decode())
    except (UnicodeDecodeError, NoKeys):
        raise CommandError("the key file has no Ed25519 key of a JSON Web Key Set", returncode=2) from None

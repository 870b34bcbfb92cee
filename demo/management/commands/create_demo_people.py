"""Create a demo user and a staff user with random passwords."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization, User

PEOPLE = (("demo", False), ("staff", True))


class Command(BaseCommand):
    help = "Create a demo user and a staff user, print their passwords and write them to a file (mode 600)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True, help="file for user names and passwords")
        parser.add_argument("--url", required=True, help="address of the site, written to that file")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["credentials"]
        known = _known_passwords(path)
        organization, _ = Organization.objects.get_or_create(name="Demo organization")
        users = []
        for username, is_staff in PEOPLE:
            user, _ = User.objects.get_or_create(
                username=username,
                defaults={"is_staff": is_staff, "is_superuser": is_staff, "organization": organization},
            )
            password = known.get(username, "")
            if not password or not user.check_password(password):
                password = secrets.token_urlsafe(12)
                user.set_password(password)
                user.save()
            users.append({"username": username, "password": password, "is_staff": is_staff})
        try:
            _write_private(path, json.dumps({"url": options["url"], "users": users}, indent=2) + "\n")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}", returncode=2) from None
        for user_ in users:
            kind = "staff" if user_["is_staff"] else "person"
            self.stdout.write(f"{kind:>8}: {user_['username']}  password: {user_['password']}")


def _known_passwords(path: Path) -> dict[str, str]:
    """Passwords from an earlier run; none if the file is missing or invalid."""
    try:
        return {user["username"]: user["password"] for user in json.loads(path.read_text())["users"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)

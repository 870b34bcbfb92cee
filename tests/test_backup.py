"""docs/backup.md, carried out: what was erased after the backup stays erased after the restore."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from embedded_postgres.cluster import binaries
from tests.recipes import documented
from tests.support.databases import ROOT, Scratch, clean_environment, scratch_database

pytestmark = pytest.mark.django_db
BLOCKS = documented.files(ROOT / "docs" / "backup.md")
PEOPLE = """
from accounts.models import User
from analytics.identity import pseudonyms_of
from analytics.models import UserActivity
from django.utils import timezone
from privacy import choices
from privacy.models import Preference, Source

def alias(person):
    return pseudonyms_of(person.pk, Preference.objects.get(pk=person.pk).salt)[0]

def people():
    return [User.objects.get(username=name) for name in ("ada", "grace")]
"""
USE = """
for name in ("ada", "grace"):
    person = User.objects.create_user(name)
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    of_person = {"user_id": alias(person), "timestamp": timezone.now()}
    UserActivity.objects.create(**of_person, deployment_type="cloud", event_type="login")
print(*map(alias, people()))
"""
ERASE = "choices.request_deletion(people()[0].pk, source=Source.API, actor_id=people()[0].pk)"
LOOK = """
print(*map(alias, people()))
print(*UserActivity.objects.values_list("user_id", flat=True))
"""


class Site:
    """A site with two databases, as a directory of its operator's sees it."""

    def __init__(self, site: Scratch, telemetry: Scratch, directory: Path) -> None:
        own = {"DATABASE_URL": site.url, "ANALYTICS_DATABASE_URL": telemetry.url}
        path = os.pathsep.join((str(binaries()), str(Path(sys.executable).parent), os.environ["PATH"]))
        self._environment, self._directory = clean_environment(**own, PATH=path), directory

    def shell(self, script: str) -> str:
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, code: str) -> list[list[str]]:
        """Run code in the site; returns the words of each line that it prints."""
        printed = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", PEOPLE + code],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert printed.returncode == 0, printed.stderr
        return [line.split() for line in printed.stdout.splitlines()]


def test_who_is_erased_after_the_backup_is_erased_after_the_restore(tmp_path: Path) -> None:
    (tmp_path / "manage.py").symlink_to(ROOT / "manage.py")
    with ExitStack() as made:
        old, old_rows, new, rows = (made.enter_context(scratch_database()) for _ in range(4))
        site = Site(old, old_rows, tmp_path)
        site.shell("python3 manage.py migrate")
        [[ada, grace]] = site.python(USE)
        site.shell(BLOCKS["backup.sh"])
        site.python(ERASE)
        site.shell("python3 manage.py erase_user_telemetry --save-log erasures.jsonl")

        restored = Site(new, rows, tmp_path)
        printed = restored.shell(BLOCKS["restore.sh"])

        assert "1 deletions repeated, 1 rows deleted" in printed
        aliases, stored = restored.python(LOOK)
        assert stored == [grace] and aliases[1] == grace and aliases[0] != ada

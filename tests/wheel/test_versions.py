"""The main job on every supported pair of Python and Django, besides the one that the whole suite runs on."""

import os
import subprocess
import sys
from pathlib import Path

import django
import pytest

from tests.wheel.projects import made

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
# Version of Django: the oldest Python that it runs on.
DJANGOS = {"5.2": (3, 10), "6.0": (3, 12), "6.1": (3, 12)}
NEWEST_PYTHON = 14
WITHOUT_POSTGRES = 'from shop.settings import *\nINSTALLED_APPS.remove("django.contrib.postgres")\n'
# `startproject` of Django 6.1 has a mail server that prints.
DIGEST = """
from datetime import timedelta
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from analytics.show.digest import last_week, send_digests, subscribe
from privacy.models import DigestSubscription
call_command("keep_telemetry")
staff = get_user_model().objects.get(username="al")
staff.email = "al@shop.example"
staff.save()
subscribe(staff, "http://shop.example/")
DigestSubscription.objects.update(sent_for=last_week(timezone.now().date()) - timedelta(days=7))
print(send_digests())
"""


def works(program: Path) -> bool:
    """False without `venv`, and for pyenv's stand-in for a version that is not chosen."""
    return subprocess.run([program, "-c", "import ensurepip"], check=False, capture_output=True).returncode == 0


def interpreters() -> dict[tuple[int, int], Path]:
    """The Pythons of this machine by version: on the path, or made by pyenv."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin"))
    found: dict[tuple[int, int], Path] = {}
    for minor in range(11, NEWEST_PYTHON + 1):
        for folder in folders:
            program = folder / f"python3.{minor}"
            if (folder / f"python3.{minor}").exists() and works(program := folder / f"python3.{minor}"):
                found[3, minor] = program
                break
    return found


def pairs() -> dict[str, tuple[Path, str]]:
    own = (sys.version_info[:2], django.VERSION[:2])
    return {
        f"Python 3.{python[1]}, Django {version}": (program, version)
        for python, program in interpreters().items()
        for version, oldest in DJANGOS.items()
        if python >= oldest and (python, tuple(map(int, version.split(".")))) != own
    }


PAIRS = pairs()


@pytest.mark.parametrize("pair", PAIRS)
def test_the_main_job(pair: str, wheel: Path, tmp_path: Path) -> None:
    program, version = PAIRS[pair]
    project = made(tmp_path, wheel, interpreter=program, packages=[f"django=={version}.*"])
    project.manage("makemigrations", "people")
    assert "no issues" in project.manage("check")
    if version != "5.2":
        (project.folder / "shop" / "mistaken.py").write_text(WITHOUT_POSTGRES)
        printed = project.refused("check", "--settings", "shop.mistaken")
        assert "(analytics.E041)" in printed and 'In INSTALLED_APPS, add "django.contrib.postgres",' in printed
    project.manage("migrate", "--verbosity", "0")
    assert "No changes detected" in project.manage("makemigrations", "--check", "--dry-run")
    project.stores_the_row_of_a_person_who_shares()
    if "MAILERS" in (project.folder / "shop" / "settings.py").read_text():
        said = project.manage("shell", stdin=DIGEST)
        assert "Digests(sent=1, failed=0)" in said and "To: al@shop.example" in said

"""`manage.py create_demo_people`: two people, and a file with their passwords."""

import json
import stat
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User


@pytest.mark.django_db
def test_demo_people_keep_their_passwords_and_strangers_cannot_read_them(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "credentials.json"

    def make() -> str:
        out = StringIO()
        call_command("create_demo_people", "--credentials", str(path), "--url", "http://x", stdout=out)
        return out.getvalue()

    printed = make()
    written = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [(user["username"], user["is_staff"]) for user in written["users"]] == [("demo", False), ("staff", True)]
    for user in written["users"]:
        assert user["password"] in printed and User.objects.get(username=user["username"]).check_password(
            user["password"]
        )
    make()
    assert json.loads(path.read_text()) == written
    path.write_text("{spoilt")
    make()
    assert json.loads(path.read_text())["users"] != written["users"]


@pytest.mark.django_db
def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(CommandError, match="cannot be written") as raised:
        call_command("create_demo_people", "--credentials", str(tmp_path / "taken"), "--url", "http://x")
    assert raised.value.returncode == 2

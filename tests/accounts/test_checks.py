"""Each numbered error of accounts, and the command that makes demo people."""

import json
import stat
from io import StringIO
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import override_settings

from accounts.models import User


@pytest.mark.parametrize("word", ["10", "0/hour", "10/fortnight", "-1/day", "ten/hour"])
@pytest.mark.parametrize(
    ("setting", "number"),
    [("SIGN_IN_FAILURES_PER_ACCOUNT", "accounts.E001"), ("SIGN_IN_FAILURES_PER_ADDRESS", "accounts.E002")],
)
def test_a_rate_that_is_none(setting: str, number: str, word: str) -> None:
    with override_settings(**{setting: word}):
        errors = [message for message in run_checks(tags=["accounts"]) if message.id == number]
    assert len(errors) == 1 and setting in errors[0].msg


def test_hours_that_are_none() -> None:
    with override_settings(SESSION_TOKEN_HOURS="0"):
        assert [message.id for message in run_checks(tags=["accounts"])] == ["accounts.E003"]


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

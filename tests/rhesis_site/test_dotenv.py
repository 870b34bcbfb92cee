"""`.env` is read as it is written, by the site and by `dev.py` alike; what is ambiguous is a numbered error."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rhesis_site import dotenv
from tools.checkout import SetupFailed, value_of

ROOT = Path(__file__).resolve().parents[2]
URL = "postgres://u:p$w#d@[::1]:5432/db?sslmode=prefer&connect_timeout=5"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"K=$ecret-value", "$ecret-value"),
        (b"K='$ecret-value'", "$ecret-value"),
        (b'K="$ecret-value"', "$ecret-value"),
        (b"K=${HOME}$(id)`id`%20%s", "${HOME}$(id)`id`%20%s"),
        (b"K=a=b==", "a=b=="),
        (b"K=a#b", "a#b"),
        (b"K=#b", "#b"),
        (b"K='a # b'", "a # b"),
        (rb"K=a\nb\tc\\", r"a\nb\tc" + "\\\\"),
        (rb"K='a\nb'", r"a\nb"),
        (b"K=it's", "it's"),
        (b"K='say \"yes\"'", 'say "yes"'),
        (b"K='\"quoted\"'", '"quoted"'),
        (b"export K=a", "a"),
        (b"export \tK=a", "a"),
        (b"  K = a b \t", "a b"),
        (b"K=' a '", " a "),
        (b"K=a\r\nL=b\r", "a"),
        (b"\xef\xbb\xbfK=a", "a"),
        (b"# K=no\n\n \t\n  # K=no\nK=a", "a"),
        (b"K=first\nK=last", "last"),
        (b"K=", ""),
        (b"K=''", ""),
        ("K=Pässwort\u2028é".encode(), "Pässwort\u2028é"),
        (f"K={URL}".encode(), URL),
    ],
)
def test_a_value_is_taken_as_written(line: bytes, value: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(line)
    assert dotenv.read(tmp_path / ".env")["K"] == value
    assert dotenv.load(tmp_path / ".env", {"K": "environment"}).get("K") is None
    assert value_of("K", {}, tmp_path / ".env") == value
    assert value_of("K", {"K": ""}, tmp_path / ".env") == ""


@pytest.mark.parametrize(
    "text",
    [
        b"K=hidden-word # a comment",
        b"K= # hidden-word",
        b"K='hidden-word' # a comment",
        b"K='hidden-word",
        b"K='hidden-word\nmore'",
        b"K='hidden'word'",
        rb'K="hidden\nword"',
        b'K="hidden"word"',
        b"hidden-word",
        b"K: hidden-word",
        b"export K=hidden-word DO_NOT_TRACK=1",
        b"K=hidden-word; DO_NOT_TRACK=1",
        b"source hidden-word=1",
        b"K=hidden-word\0",
        b"K=\xff hidden-word",
    ],
)
def test_what_is_ambiguous_is_refused_without_the_value(text: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"# fine\n" + text)
    with pytest.raises(dotenv.Unreadable) as raised:
        dotenv.read(tmp_path / ".env")
    assert "hidden" not in str(raised.value) and ".env" in str(raised.value)
    with pytest.raises(SetupFailed):
        value_of("K", {}, tmp_path / ".env")


def test_no_file_is_no_mistake_and_a_folder_is_one(tmp_path: Path) -> None:
    assert dotenv.read(tmp_path / ".env") == {}
    (tmp_path / ".env").mkdir()
    with pytest.raises(dotenv.Unreadable, match="cannot be read"):
        dotenv.read(tmp_path / ".env")


def test_a_link_to_a_file_that_is_gone_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "gone")
    with pytest.raises(dotenv.Unreadable, match="a link to a missing file"):
        dotenv.read(tmp_path / ".env")


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """The site's code in a place of its own, so that it can have a `.env` of its own."""
    shutil.copytree(ROOT / "rhesis_site", tmp_path / "rhesis_site")
    shutil.copy(ROOT / "manage.py", tmp_path)
    for name in ("accounts", "privacy", "analytics", "demo", "embedded_postgres", "templates", "static"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(installation: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    ours = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=installation,
        env={**ours, "PYTHONPATH": str(installation)},
        capture_output=True,
        text=True,
        check=False,
    )


PRINT_SETTINGS = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "rhesis_site.settings"
from django.conf import settings
from analytics.conf import conf
print(conf.hash_key, conf.api_key, settings.SECRET_KEY, settings.ALLOWED_HOSTS,
      settings.DATABASES["default"]["PASSWORD"], settings.CSRF_TRUSTED_ORIGINS, conf.catalogue_paths[2:], sep="\\n")
"""


def test_the_site_takes_keys_passwords_and_lists_of_a_file_as_written(installation: Path) -> None:
    (installation / ".env").write_text(
        "TELEMETRY_HASH_KEY='$ecret-value-of-32-characters....'\n"
        "OTEL_API_KEY=$ecret\n"
        'SECRET_KEY="$SECRET $HOME"\n'
        "ALLOWED_HOSTS=a.example, b.example ,\n"
        "CSRF_TRUSTED_ORIGINS= https://a.example , https://b.example\n"
        "TELEMETRY_CATALOGUES=/a.toml, /b.toml\n"
        "DATABASE_URL=postgres://u:$ecret@host/name\n"
    )
    outcome = run(installation, "-c", PRINT_SETTINGS)
    assert outcome.stdout.splitlines() == [
        "$ecret-value-of-32-characters....",
        "$ecret",
        "$SECRET $HOME",
        "['a.example', 'b.example']",
        "$ecret",
        "['https://a.example', 'https://b.example']",
        "(PosixPath('/a.toml'), PosixPath('/b.toml'))",
    ], outcome.stderr


def test_a_file_that_cannot_be_read_is_one_numbered_line_and_code_2(installation: Path) -> None:
    (installation / ".env").write_text("SECRET_KEY=hidden-word # a comment\n")
    outcome = run(installation, "manage.py", "check")
    assert outcome.returncode == 2 and outcome.stderr.count("\n") == 1, outcome.stderr
    assert "site.E010" in outcome.stderr and "line 1: SECRET_KEY" in outcome.stderr
    assert "hidden-word" not in outcome.stderr


def test_all_mistakes_are_listed_at_once(installation: Path) -> None:
    (installation / ".env").write_text("DJANGO_DEBUG=perhaps\nLOG_LEVEL=loud\nDATABASE_URL=sqlite:///x\n")
    outcome = run(installation, "manage.py", "migrate")
    assert outcome.returncode == 2 and "Traceback" not in outcome.stderr
    for number in ("site.E004", "site.E007", "site.E008"):
        assert number in outcome.stderr


def test_a_variable_that_nothing_reads_is_a_numbered_warning(installation: Path) -> None:
    (installation / ".env").write_text("TELEMETRY_HASHKEY=hidden-word\nDO_NOT_TRAK=1\ndo_not_track=1\nEDITOR=vi\n")
    outcome = run(installation, "manage.py", "check")
    assert "site.W001" in outcome.stderr and "TELEMETRY_HASHKEY" in outcome.stderr
    assert "DO_NOT_TRAK is set" in outcome.stderr and "do_not_track is set" in outcome.stderr
    assert "EDITOR" not in outcome.stderr
    assert "hidden-word" not in outcome.stderr and outcome.returncode == 0

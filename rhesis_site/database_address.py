"""Parser of database addresses, for DATABASE_URL and ANALYTICS_DATABASE_URL.

Stricter than django-environ, which parses it: an option that would be dropped, or have no effect, is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from privacy.kinds import Misread, flag, whole_number
from privacy.waits import PATIENCE

EMBEDDED = "embedded"
EMBEDDED_SETTINGS: dict[str, Any] = {"ENGINE": "embedded_postgres", "NAME": "rhesis"}
# With the rights of one process; `grant_roles --files` writes the file of each.
EMBEDDED_ROLES = ("site", "processor", "keeper")
SHAPE = "postgres://user:password@host/name"


def _not_atomic(text: str) -> bool:
    if flag(text):
        raise Misread("must be false: with it, failed sign-ins would not be counted")
    return False


# Options of the address that are no libpq's: Django's settings of a database, and one of its backend's options.
OF_DJANGO: dict[str, Callable[[str], object]] = {
    "CONN_MAX_AGE": whole_number(0, 86_400, of="seconds"),
    "CONN_HEALTH_CHECKS": flag,
    "ATOMIC_REQUESTS": _not_atomic,
    "assume_role": str,
}
# Of libpq's options: what stands before the ? already, and what Django or our sessions decide.
REFUSED = {"user", "password", "dbname", "client_encoding", "replication"}
WHOLE_NUMBERS = {
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
}
CHOICES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "channel_binding": {"disable", "prefer", "require"},
    "target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
    "load_balance_hosts": {"disable", "random"},
    "gssencmode": {"disable", "prefer", "require"},
}


def database_or_embedded(text: str) -> dict[str, Any]:
    """As `database`; the word "embedded" is the database that starts itself, "embedded:site" with the site's role."""
    word, _, role = text.strip().partition(":")
    if word != EMBEDDED or not (role in EMBEDDED_ROLES or text.strip() == EMBEDDED):
        return database(text)
    return {**EMBEDDED_SETTINGS, "ROLE": role} if role else dict(EMBEDDED_SETTINGS)


def with_patience(address: Mapping[str, Any]) -> dict[str, Any]:
    """Django's settings of a database, with limits of time for libpq where the address has none."""
    return {**address, "OPTIONS": {**PATIENCE, **address.get("OPTIONS", {})}}


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both are the same database, as far as their addresses tell."""

    def place(of: Mapping[str, Any]) -> tuple[str, ...]:
        options = of.get("OPTIONS", {})
        host = of.get("HOST") or options.get("host") or ""
        port = of.get("PORT") or options.get("port") or 5432
        return str(host).lower(), str(port), str(of["NAME"])

    return place(one) == place(other)


def database(text: str) -> dict[str, Any]:
    """Django's settings of the database; none for empty text. Raises Misread, which never repeats the address."""
    import environ

    text = text.strip()
    if not text:
        return {}
    if text.partition("://")[0] not in {"postgres", "postgresql"}:
        raise Misread("must be a postgres:// address; no other database will do")
    # libpq reads a text up to its first zero byte: what comes after, the host too, would be another one.
    if not text.isprintable() or not unquote(text).isprintable():
        raise Misread("has a character in it that cannot be printed")
    before, _, query = text.partition("?")
    address = before.rpartition("@")[2]
    if "#" in address + query:  # in a password django-environ reads it
        raise Misread("has a # behind the host; percent-encode it as %23")
    of_django, of_libpq = _options(query)
    try:
        config: dict[str, Any] = environ.Env.db_url_config(text)
        _ = urlsplit(f"postgres://{address}").port if "," not in address else None
    except ValueError:
        # The parser's own message would repeat the address, password and all.
        raise Misread(f"is no address such as {SHAPE}") from None
    if not config["NAME"]:
        raise Misread(f"names no database; it must be such as {SHAPE}")
    # A directory of sockets is a host too: postgres://%2Frun%2Fpostgresql/name.
    config["HOST"] = unquote(config["HOST"])
    for name in ("host", "port"):
        if name in of_libpq and config[name.upper()]:
            raise Misread(f"names its {name} twice")
    options = {**of_libpq, **{name: value for name, value in of_django.items() if name.islower()}}
    settings = {name: value for name, value in of_django.items() if name.isupper()}
    return {**{name: value for name, value in config.items() if name not in OF_DJANGO}, "OPTIONS": options, **settings}


def _options(query: str) -> tuple[dict[str, object], dict[str, object]]:
    """Those of Django and those of libpq. Raises Misread for one that is unknown, empty, wrong or there twice."""
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()} - REFUSED
    of_django: dict[str, object] = {}
    of_libpq: dict[str, object] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise Misread("has an option after the ? that is not NAME=value; percent-encode & and ? elsewhere") from None
    for name, value in pairs:
        django_name = name.upper() if name.upper() in OF_DJANGO else name
        if name not in known and django_name not in OF_DJANGO:
            raise Misread("has an option after the ? that is not used there; percent-encode & and ? elsewhere")
        if not value:
            raise Misread(f"has an option without a value: {name}")
        if name in of_libpq or django_name in of_django:
            raise Misread(f"has an option twice: {name}")
        try:
            if django_name in OF_DJANGO:
                of_django[django_name] = OF_DJANGO[django_name](value)
            else:
                of_libpq[name] = _of_libpq(name, value)
        except Misread as misread:
            raise Misread(f"has a wrong option: {name} {misread}") from None
    return of_django, of_libpq


def _of_libpq(name: str, value: str) -> object:
    if name in WHOLE_NUMBERS:
        return whole_number(0, 2_147_483_647)(value)
    if name in CHOICES and value not in CHOICES[name]:
        raise Misread(f"must be one of {', '.join(sorted(CHOICES[name]))}")
    return value

"""Declarations of this site's own settings, and the list of all settings.

Settings in `AT_START` must be valid before Django starts: `rhesis_site.settings` raises a numbered error for each.
"""

import ipaddress
import logging
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's name for it
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from analytics import declared, otel
from privacy import switches
from privacy.declared import Setting
from privacy.kinds import Misread, address, choice, either, flag, is_host, listed, optional, rate, whole_number
from rhesis_site.database_address import EMBEDDED, database, database_or_embedded, is_same

logger = logging.getLogger(__name__)


# Of each scheme of EMAIL_URL.
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


class LogLevel(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class Hsts(StrEnum):
    OFF = "off"
    HOST = "host"
    SUBDOMAINS = "subdomains"
    PRELOAD = "preload"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def log_level(text: str) -> LogLevel:
    try:
        return LogLevel(text.strip().upper())
    except ValueError:
        raise Misread(f"must be one of {either(LogLevel)}") from None


def hosts(text: str) -> list[str]:
    """Host names for Django's ALLOWED_HOSTS."""
    found = listed(text)
    for each in found:
        name = each[1:-1] if each.startswith("[") and each.endswith("]") else each.removeprefix(".")
        if each != "*" and (not is_host(name) or (":" in name) is not each.startswith("[")):
            raise Misread("must contain only host names, such as rhesis.example, without http://, port or path")
    return found


def origins(text: str) -> list[str]:
    """Origins for Django's CSRF_TRUSTED_ORIGINS."""
    found = listed(text)
    for each in found:
        try:
            address(each.replace("://*.", "://"))
        except Misread:
            raise Misread("must contain origins such as https://rhesis.example") from None
        if each.count("/") != 2 or "?" in each or "#" in each:
            raise Misread("must contain origins such as https://rhesis.example, without a path")
    return found


def mail_server(text: str) -> dict[str, Any]:
    """Django's settings of a mail server, from an address such as smtp+tls://user:password@mail.example:587."""
    if not text.strip():
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if (
        parts.scheme not in MAIL_PORTS
        or not parts.hostname
        or not is_host(parts.hostname)
        or port == 0
        or (parts.path.strip("/") or parts.query or parts.fragment)
    ):
        raise Misread(
            "must be smtp://host:port, smtp+tls://... (STARTTLS) or smtps://..., with user:password@ before host"
        )
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or MAIL_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def sender(text: str) -> str:
    try:
        validate_email(text.strip())
    except ValidationError:
        raise Misread("must be an e-mail address such as telemetry@rhesis.example") from None
    return text.strip()


def signing_key(text: str) -> str:
    """A key, unchanged. It must be valid UTF-8, because Django encodes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Misread("must be text in UTF-8") from None
    return text


SECRET_KEY = Setting(
    "SECRET_KEY",
    "site.E001",
    signing_key,
    otherwise="",
    help="Signs sessions and, unless TELEMETRY_HASH_KEY is set, keys the pseudonyms. Empty: a random key is created "
    "and stored in .local/secret_key, which is enough for one machine. Several machines must share one key.",
)
ALLOWED_HOSTS = Setting[list[str]](
    "ALLOWED_HOSTS",
    "site.E002",
    hosts,
    otherwise=[],
    default="localhost,127.0.0.1,[::1]",
    help="Host names of the site, separated by commas.",
)
CSRF_TRUSTED_ORIGINS = Setting[list[str]](
    "CSRF_TRUSTED_ORIGINS",
    "site.E003",
    origins,
    otherwise=[],
    help="Origins that may send forms if a proxy changes the host, separated by commas, such as "
    "https://rhesis.example.",
)
DEBUG = Setting(
    "DJANGO_DEBUG",
    "site.E004",
    flag,
    otherwise=False,
    default="false",
    help="Never set to true on a public site: error pages show settings and values.",
)
HTTPS = Setting[bool | None](
    "DJANGO_HTTPS",
    "site.E005",
    optional(flag),
    otherwise=True,
    help="Redirect to HTTPS, secure cookies, HSTS. Empty: true, unless DJANGO_DEBUG is. If `.env` does not name it, "
    "`dev.py run` sets it to false, for plain HTTP on loopback.",
)
HSTS = Setting(
    "DJANGO_HSTS",
    "site.E011",
    choice(Hsts),
    otherwise=Hsts.HOST,
    default=Hsts.HOST.value,
    help="Which names browsers may reach by HTTPS only, from their first visit on, where DJANGO_HTTPS is true. host: "
    "the site's own name. subdomains: all names below it, too; they must all have HTTPS. preload: as subdomains, and "
    "browsers may have the name built in, which takes months to undo. off: none.",
)
HSTS_SECONDS = Setting(
    "DJANGO_HSTS_SECONDS",
    "site.E012",
    whole_number(1, 63_072_000, of="seconds"),
    otherwise=3600,
    default="31536000",
    help="How long a browser remembers that, in seconds (a year). Begin with 3600 if you are not sure of your HTTPS. "
    "preload wants a year at least.",
)
BEHIND_PROXY = Setting(
    "DJANGO_BEHIND_PROXY",
    "site.E006",
    flag,
    otherwise=False,
    default="false",
    help="true if a proxy in front sets X-Forwarded-Proto and X-Forwarded-For, and the site cannot be reached without "
    "it.",
)
LOG_LEVEL = Setting(
    "LOG_LEVEL",
    "site.E007",
    log_level,
    otherwise=LogLevel.INFO,
    default="INFO",
    help="DEBUG, INFO, WARNING, ERROR or CRITICAL. Logs contain no personal data at any level.",
)
LOG_FORMAT = Setting(
    "LOG_FORMAT",
    "site.E016",
    choice(LogFormat),
    otherwise=LogFormat.TEXT,
    default="text",
    help="text, or json: one JSON object for each record.",
)
FAILURES_PER_ACCOUNT = Setting(
    "SIGN_IN_FAILURES_PER_ACCOUNT",
    "accounts.E001",
    rate,
    otherwise="1/hour",
    default="10/hour",
    help="Failed sign-ins allowed for one account from one address, as a rate: N/second, /minute, /hour or /day. An "
    "IPv6 network of 64 bits counts as one address.",
)
FAILURES_PER_ADDRESS = Setting(
    "SIGN_IN_FAILURES_PER_ADDRESS",
    "accounts.E002",
    rate,
    otherwise="1/hour",
    default="100/hour",
    help="Failed sign-ins allowed from one address for all accounts, as a rate.",
)
SESSION_TOKEN_HOURS = Setting(
    "SESSION_TOKEN_HOURS",
    "accounts.E003",
    whole_number(1, 8760, of="hours"),
    otherwise=1,
    default="10",
    help="Lifetime of the API's session tokens, in hours.",
    meanwhile="Until it is corrected, a token is valid for 1 hour.",
)
EMAIL_URL = Setting[dict[str, Any]](
    "EMAIL_URL",
    "site.E017",
    mail_server,
    otherwise=mail_server(""),
    help="Mail server for the weekly digest and the alerts of reports: smtp://host:25, "
    "smtp+tls://user:password@host:587 (STARTTLS) or smtps://user:password@host:465. Empty: no e-mail.",
)
EMAIL_FROM = Setting(
    "EMAIL_FROM",
    "site.E018",
    sender,
    otherwise="",
    default="telemetry@localhost.localdomain",
    help="Sender of e-mail.",
)
DATABASE_URL = Setting[dict[str, Any]](
    "DATABASE_URL",
    "site.E008",
    database_or_embedded,
    otherwise={},
    help="postgres://user:password@host/name, with special characters of the password percent-encoded. May be a "
    "PgBouncer's. Options of libpq follow a ?; put the value in single quotes, because a shell ends it at the &: "
    "'postgres://user:password@host/name?sslmode=verify-full&connect_timeout=5'. embedded: a PostgreSQL 18 for a "
    "laptop, which starts under .local/ and ends with the last process that uses it; embedded:site, embedded:processor "
    "and embedded:keeper use it with that process's rights, as `dev.py run` does. Empty: commands on a laptop use "
    "embedded, too; servers and deployments refuse to (site.E013).",
)
ANALYTICS_DATABASE_URL = Setting[dict[str, Any]](
    "ANALYTICS_DATABASE_URL",
    "site.E009",
    database,
    otherwise={},
    help="A separate database for telemetry. Empty: telemetry is stored in the database of DATABASE_URL.",
)

AT_START: tuple[Setting[Any], ...] = (
    SECRET_KEY,
    ALLOWED_HOSTS,
    CSRF_TRUSTED_ORIGINS,
    DEBUG,
    HTTPS,
    HSTS,
    HSTS_SECONDS,
    BEHIND_PROXY,
    LOG_LEVEL,
    LOG_FORMAT,
    EMAIL_URL,
    EMAIL_FROM,
    DATABASE_URL,
    ANALYTICS_DATABASE_URL,
)
# Checked at start and again by `manage.py check`, because tests and other settings modules may change them.
LIVE: tuple[Setting[Any], ...] = (FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS, SESSION_TOKEN_HOURS)

# Titles and settings, in the order of `.env.example` and docs/settings.md.
SECTIONS: dict[str, tuple[Setting[Any], ...]] = {
    "The site": (
        SECRET_KEY,
        ALLOWED_HOSTS,
        CSRF_TRUSTED_ORIGINS,
        DEBUG,
        HTTPS,
        HSTS,
        HSTS_SECONDS,
        BEHIND_PROXY,
        LOG_LEVEL,
        LOG_FORMAT,
        EMAIL_URL,
        EMAIL_FROM,
        *LIVE,
    ),
    "Databases (PostgreSQL only)": (DATABASE_URL, ANALYTICS_DATABASE_URL),
    "Telemetry": (*switches.SETTINGS, *declared.SETTINGS),
    "Telemetry: OpenTelemetry's own variables": otel.SETTINGS,
}
EVERY_SETTING: tuple[Setting[Any], ...] = tuple(each for settings_ in SECTIONS.values() for each in settings_)
OF_THE_APPS: tuple[Setting[Any], ...] = (*switches.SETTINGS, *declared.SETTINGS, *otel.SETTINGS)

# Prefixes of our own variables; an undeclared variable with one of them is a typing mistake.
PREFIXES = ("TELEMETRY_", "SIGN_IN_", "SESSION_TOKEN_", "NEXT_PUBLIC_OTEL_", "OTEL_API_", "ANALYTICS_DATABASE_")


def refuse_what_is_misread(environ: Mapping[str, str]) -> None:
    """Raise ImproperlyConfigured with one line for each setting that is invalid or contradicts another."""
    problems = ((setting.number, setting.problem(environ.get)) for setting in (*AT_START, *LIVE))
    refuse(f"{number}: {problem}" for number, problem in problems if problem)
    refuse(_contradictions(environ))


def _contradictions(environ: Mapping[str, str]) -> Iterator[str]:
    """Problems of settings that are each understood."""
    site, analytics = DATABASE_URL.read(environ.get), ANALYTICS_DATABASE_URL.read(environ.get)
    if is_embedded_unasked(environ) and (signs := list(_signs_of_a_deployment(environ))):
        yield f"{EMBEDDED_UNASKED}: {NO_DATABASE}, and {signs[0]} is set as for a deployment. {NAME_A_DATABASE}"
    if site and analytics and is_same(site, analytics):
        yield (
            "site.E014: ANALYTICS_DATABASE_URL names the database of DATABASE_URL; left empty, telemetry is kept there."
        )
    if HSTS.read(environ.get) is Hsts.PRELOAD and HSTS_SECONDS.read(environ.get) < 31_536_000:
        yield "site.E015: DJANGO_HSTS=preload wants DJANGO_HSTS_SECONDS of a year at least (31536000)."


EMBEDDED_UNASKED = "site.E013"
NO_DATABASE = "DATABASE_URL names no database"
NAME_A_DATABASE = (
    "Name one, in single quotes, because a shell cuts the address at an &; or ask for this machine's embedded one: "
    f"DATABASE_URL={EMBEDDED}."
)


def is_embedded_unasked(environ: Mapping[str, str]) -> bool:
    """Whether the embedded database would be used although nobody has named it."""
    return not DEBUG.read(environ.get) and not DATABASE_URL.text(environ.get).strip()


def _signs_of_a_deployment(environ: Mapping[str, str]) -> Iterator[str]:
    """Names of variables that nobody sets to try the project on a laptop."""
    if any(not _is_this_machine(host) for host in ALLOWED_HOSTS.read(environ.get)):
        yield ALLOWED_HOSTS.name
    for setting in (HTTPS, BEHIND_PROXY):
        if setting.text(environ.get).strip() and setting.read(environ.get):
            yield setting.name
    others = (CSRF_TRUSTED_ORIGINS, ANALYTICS_DATABASE_URL, declared.HASH_KEY)
    yield from (each.name for each in others if each.text(environ.get).strip())


def _is_this_machine(host: str) -> bool:
    name = host.strip("[]").removeprefix(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        # The last is the name of Django's own test client.
        return name == "localhost" or name.endswith(".localhost") or name == "testserver"


def refuse(problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise ImproperlyConfigured("\n".join(lines))


def unknown_variables(environ: Mapping[str, str], file: Iterable[str] = ()) -> list[str]:
    """Names of variables that no code reads, although they seem meant for this project.

    A name counts if it has one of our prefixes, if it begins with OTEL_ and is unknown, if it differs from one of ours
    only in letter case, or if it stands in `file`, our `.env`, and resembles one of ours.
    """
    from analytics.otel_variables import variable

    known = {setting.name for setting in EVERY_SETTING}
    ours = set(file)

    def meant(name: str) -> bool:
        return (
            name.startswith(PREFIXES)
            or (name.startswith("OTEL_") and variable(name) is None)
            or name.upper() in known
            or (name in ours and bool(get_close_matches(name.upper(), known, cutoff=0.85)))
        )

    return sorted(filter(meant, {*environ, *ours} - known))


def refuse_to_serve_unasked() -> None:
    """Raises ImproperlyConfigured where a server would use the embedded database unasked."""
    problems = [f"{each.id}: {each.msg} {each.hint}" for each in embedded_unasked_findings()]
    for problem in problems:
        # By now logs are private, and the message of an exception does not get into them.
        logger.error("%s", problem)
    refuse(problems)


def embedded_unasked_findings() -> list[CheckMessage]:
    """For `check --deploy`."""
    if not settings.EMBEDDED_UNASKED:
        return []
    return [Error(f"{NO_DATABASE}; the embedded one would be used.", hint=NAME_A_DATABASE, id=EMBEDDED_UNASKED)]


def unknown_variables_findings() -> list[CheckMessage]:
    return [
        Warning(
            f"{name} is set, but no such variable exists.", hint="docs/settings.md lists all variables.", id="site.W001"
        )
        for name in settings.UNKNOWN_VARIABLES
    ]

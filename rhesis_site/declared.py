"""This site's own settings, each declared once, and the whole list with those of `privacy` and `analytics`.

`AT_START` must be right before Django can start: `rhesis_site.settings` raises a numbered error for each.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004  Django's name for it
from django.core.exceptions import ImproperlyConfigured

from analytics import declared, otel
from privacy import switches
from privacy.declared import Setting
from privacy.kinds import Misread, address, either, flag, is_host, listed, optional, rate, whole_number
from rhesis_site.database_address import database


class LogLevel(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


def log_level(text: str) -> LogLevel:
    try:
        return LogLevel(text.strip().upper())
    except ValueError:
        raise Misread(f"must be one of {either(LogLevel)}") from None


def hosts(text: str) -> list[str]:
    """Names that Django's ALLOWED_HOSTS can match."""
    found = listed(text)
    for each in found:
        name = each[1:-1] if each.startswith("[") and each.endswith("]") else each.removeprefix(".")
        if each != "*" and (not is_host(name) or (":" in name) is not each.startswith("[")):
            raise Misread("must have names of hosts alone, such as rhesis.example, without http://, port or path")
    return found


def origins(text: str) -> list[str]:
    """Origins that Django's CSRF_TRUSTED_ORIGINS can match."""
    found = listed(text)
    for each in found:
        try:
            address(each.replace("://*.", "://"))
        except Misread:
            raise Misread("must have origins such as https://rhesis.example") from None
        if each.count("/") != 2 or "?" in each or "#" in each:
            raise Misread("must have origins such as https://rhesis.example, without a path")
    return found


def signing_key(text: str) -> str:
    """A key as it is written. Django encodes it in UTF-8."""
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
    help="Signs sessions and, unless TELEMETRY_HASH_KEY is set, keys the pseudonyms. Left empty, a random one is made "
    "and kept in .local/secret_key, which does for one machine; several machines must be given the same.",
)
ALLOWED_HOSTS = Setting[list[str]](
    "ALLOWED_HOSTS",
    "site.E002",
    hosts,
    otherwise=[],
    default="localhost,127.0.0.1,[::1]",
    help="Host names the site answers to, separated by commas.",
)
CSRF_TRUSTED_ORIGINS = Setting[list[str]](
    "CSRF_TRUSTED_ORIGINS",
    "site.E003",
    origins,
    otherwise=[],
    help="Origins that may send forms when a proxy changes the host, separated by commas, such as "
    "https://rhesis.example.",
)
DEBUG = Setting(
    "DJANGO_DEBUG",
    "site.E004",
    flag,
    otherwise=False,
    default="false",
    help="Never true where strangers can reach the site: error pages show settings and values.",
)
HTTPS = Setting[bool | None](
    "DJANGO_HTTPS",
    "site.E005",
    optional(flag),
    otherwise=True,
    help="Redirect to HTTPS, secure cookies, HSTS. Left empty: true, unless DJANGO_DEBUG is. Where this is not named, "
    "`dev.py run` sets it to false, for plain HTTP on loopback.",
)
BEHIND_PROXY = Setting(
    "DJANGO_BEHIND_PROXY",
    "site.E006",
    flag,
    otherwise=False,
    default="false",
    help="true where a proxy in front sets X-Forwarded-Proto and X-Forwarded-For, and nobody can reach the site "
    "around it.",
)
LOG_LEVEL = Setting(
    "LOG_LEVEL",
    "site.E007",
    log_level,
    otherwise=LogLevel.INFO,
    default="INFO",
    help="DEBUG, INFO, WARNING, ERROR or CRITICAL. Logs hold no personal data at any level.",
)
FAILURES_PER_ACCOUNT = Setting(
    "SIGN_IN_FAILURES_PER_ACCOUNT",
    "accounts.E001",
    rate,
    otherwise="1/hour",
    default="10/hour",
    help="Failed sign-ins allowed for one account from one address, as a rate: N/second, /minute, /hour or /day. An "
    "IPv6 network of 64 bits is one address.",
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
    help="How long a session token of the API is valid, in hours.",
    meanwhile="Until it is mended, a token is valid for 1 hour.",
)
DATABASE_URL = Setting[dict[str, Any]](
    "DATABASE_URL",
    "site.E008",
    database,
    otherwise={},
    help="postgres://user:password@host/name, with what is special in a password percent-encoded. Left empty, a "
    "PostgreSQL 18 starts itself under .local/ and ends with the last process that uses it. May be a PgBouncer's. "
    "Options of libpq follow a ?, such as ?sslmode=verify-full&connect_timeout=5.",
)
ANALYTICS_DATABASE_URL = Setting[dict[str, Any]](
    "ANALYTICS_DATABASE_URL",
    "site.E009",
    database,
    otherwise={},
    help="A database of its own for telemetry; left empty, it is kept beside the rest.",
)

AT_START: tuple[Setting[Any], ...] = (
    SECRET_KEY,
    ALLOWED_HOSTS,
    CSRF_TRUSTED_ORIGINS,
    DEBUG,
    HTTPS,
    BEHIND_PROXY,
    LOG_LEVEL,
    DATABASE_URL,
    ANALYTICS_DATABASE_URL,
)
# Must be right to start too. `manage.py check` judges them again: tests and other settings modules may change them.
LIVE: tuple[Setting[Any], ...] = (FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS, SESSION_TOKEN_HOURS)

# Titles and settings, in the order of `.env.example` and docs/settings.md.
SECTIONS: dict[str, tuple[Setting[Any], ...]] = {
    "The site": (
        SECRET_KEY,
        ALLOWED_HOSTS,
        CSRF_TRUSTED_ORIGINS,
        DEBUG,
        HTTPS,
        BEHIND_PROXY,
        LOG_LEVEL,
        *LIVE,
    ),
    "Databases (PostgreSQL only)": (DATABASE_URL, ANALYTICS_DATABASE_URL),
    "Telemetry": (*switches.SETTINGS, *declared.SETTINGS),
    "Telemetry: OpenTelemetry's own variables": otel.SETTINGS,
}
EVERY_SETTING: tuple[Setting[Any], ...] = tuple(each for settings_ in SECTIONS.values() for each in settings_)
OF_THE_APPS: tuple[Setting[Any], ...] = (*switches.SETTINGS, *declared.SETTINGS, *otel.SETTINGS)

# Every variable that begins so is ours, or has one meaning for everybody; another one is a typing mistake.
PREFIXES = ("TELEMETRY_", "SIGN_IN_", "SESSION_TOKEN_", "NEXT_PUBLIC_OTEL_", "OTEL_API_", "ANALYTICS_DATABASE_")


def refuse_what_is_misread(environ: Mapping[str, str]) -> None:
    """Raises ImproperlyConfigured, one line for each setting of the site that is not understood."""
    problems = ((setting.number, setting.problem(environ.get)) for setting in (*AT_START, *LIVE))
    refuse(f"{number}: {problem}" for number, problem in problems if problem)


def refuse(problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise ImproperlyConfigured("\n".join(lines))


def unknown_variables(environ: Mapping[str, str], file: Iterable[str] = ()) -> list[str]:
    """Names nothing reads, and that seem to be meant for us.

    They have a prefix of ours, or are of OpenTelemetry's and in none of its lists, or differ from one of ours by the
    case of letters, or are names of `file`, which is our `.env`, and much like one of ours.
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


def unknown_variables_findings() -> list[CheckMessage]:
    return [
        Warning(
            f"{name} is set, and no such variable is read.", hint="docs/settings.md lists all of them.", id="site.W001"
        )
        for name in settings.UNKNOWN_VARIABLES
    ]

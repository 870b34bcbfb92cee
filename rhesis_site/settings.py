"""Settings, all from the environment or from `.env` (see `.env.example`, which explains each one).

What is wrong here is reported by `manage.py check` with a number, not by an exception on import: values that
only the telemetry needs are kept as they were written and judged in `privacy.switches` and `analytics.conf`.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from rhesis_site.flags import flag
from rhesis_site.secret_key import local_secret_key

# Lets classes such as ModelAdmin say in brackets what they are of, as their types do.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_DIR = BASE_DIR / ".local"

env = environ.Env()
env.read_env(BASE_DIR / ".env")


def _flag(name: str, *, default: bool) -> bool:
    """A yes or a no. Anything else is refused: guessing at a switch of security would be worse than not starting."""
    try:
        return flag(env.str(name, default=""), default=default)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}.") from None


DEBUG = _flag("DJANGO_DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or local_secret_key(LOCAL_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    # Django's admin, which records what staff look at and change.
    "privacy.admin_config.RecordedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "csp",
    "accounts",
    "privacy",
    "analytics",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    # Outside everything that can know the person, so that what it measures is the whole request.
    "analytics.collect.middleware.TelemetryMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "privacy.middleware.PrivacyMiddleware",
]

ROOT_URLCONF = "rhesis_site.urls"
WSGI_APPLICATION = "rhesis_site.wsgi.application"
ASGI_APPLICATION = "rhesis_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "privacy.context_processors.privacy_notice",
            ],
        },
    },
]

# --- Databases: PostgreSQL only. Without DATABASE_URL, one that starts itself under .local/. ---

EMBEDDED_POSTGRES_DIR = LOCAL_DIR / "postgres"


def _database(variable: str) -> dict[str, object]:
    """The database named by `variable`. Anything but PostgreSQL is refused: partitions and COPY need it."""
    scheme = env.str(variable).partition("://")[0]
    if scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{variable} must be a postgres:// address; no other database will do.")
    try:
        config: dict[str, object] = env.db_url(variable)
    except ValueError:
        # The parser's own message would repeat the address, password and all.
        raise ImproperlyConfigured(f"{variable} is no address such as postgres://user:password@host/name.") from None
    return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **config}


DATABASES: dict[str, dict[str, object]] = {
    "default": _database("DATABASE_URL")
    if env.str("DATABASE_URL", default="")
    else {
        "ENGINE": "rhesis_site.embedded_postgres",
        "NAME": "rhesis",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
if env.str("ANALYTICS_DATABASE_URL", default=""):
    DATABASES["analytics"] = _database("ANALYTICS_DATABASE_URL")
DATABASE_ROUTERS = ["analytics.router.AnalyticsRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Attempts to guess a password are counted here, so every worker and machine must see the same counts.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"},
}

# --- People ---

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = ["accounts.backends.ThrottledBackend"]
# Failed sign-ins allowed, as a rate ("10/hour"): for one account from one address, and from one address in all.
SIGN_IN_FAILURES_PER_ACCOUNT = env.str("SIGN_IN_FAILURES_PER_ACCOUNT", default="10/hour")
SIGN_IN_FAILURES_PER_ADDRESS = env.str("SIGN_IN_FAILURES_PER_ADDRESS", default="100/hour")
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.SessionTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    # `?format=` is ours to give a meaning to (NDJSON downloads).
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
_token_hours = env.str("SESSION_TOKEN_HOURS", default="10")
SESSION_TOKEN_HOURS_UNREADABLE = not (_token_hours.isdecimal() and 1 <= int(_token_hours) <= 8760)
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "AUTO_REFRESH": False,
    "TOKEN_TTL": timedelta(hours=10 if SESSION_TOKEN_HOURS_UNREADABLE else int(_token_hours)),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rhesis telemetry",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    # The schema says nothing that the source does not.
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rhesis_site.openapi.add_refusals",
    ],
}

# --- The web ---

# On wherever the site is reached over the internet; `dev.py run` switches it off for plain HTTP on loopback.
HTTPS = _flag("DJANGO_HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = _flag("DJANGO_BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

NEXT_PUBLIC_OTEL_ENDPOINT = env.str("NEXT_PUBLIC_OTEL_ENDPOINT", default="")
# Browsers may send to a collector elsewhere only where that is where telemetry goes.
CONNECT_SOURCES: list[str] = []
try:
    _collector = urlsplit(NEXT_PUBLIC_OTEL_ENDPOINT.strip())
    CONNECT_SOURCES += [f"{_collector.scheme}://{_collector.netloc}"] if _collector.netloc else []
except ValueError:
    pass  # analytics.E008 says what is wrong with it

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF, *CONNECT_SOURCES],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
    },
}

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# The browser package is built at set-up; a site without it has no browser telemetry, and all the rest.
STATICFILES_DIRS = [path for path in (BASE_DIR / "static", BASE_DIR / "frontend" / "dist") if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "rhesis_site.static_files.HashedStaticFiles"},
}
WHITENOISE_USE_FINDERS = True

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "rhesis_site.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Telemetry: the original note's variables, under their own names ---

DEPLOYMENT_TYPE = env.str("DEPLOYMENT_TYPE", default="self_hosted")
DO_NOT_TRACK = env.str("DO_NOT_TRACK", default="")
OTEL_SDK_DISABLED = env.str("OTEL_SDK_DISABLED", default="")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
OTEL_EXPORTER_OTLP_PROTOCOL = env.str("OTEL_EXPORTER_OTLP_PROTOCOL", default="http/protobuf")
OTEL_EXPORTER_OTLP_HEADERS = env.str("OTEL_EXPORTER_OTLP_HEADERS", default="")
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", default="rhesis-backend")
OTEL_PYTHON_DJANGO_INSTRUMENT = env.str("OTEL_PYTHON_DJANGO_INSTRUMENT", default="")
OTEL_API_KEY = env.str("OTEL_API_KEY", default="")
OTEL_EXPORTER_OTLP_METRICS_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", default="")
NEXT_PUBLIC_DEPLOYMENT_TYPE = env.str("NEXT_PUBLIC_DEPLOYMENT_TYPE", default="")
TELEMETRY_HASH_KEY = env.str("TELEMETRY_HASH_KEY", default="")
TELEMETRY_CATALOGUES = env.list("TELEMETRY_CATALOGUES", default=[])
TELEMETRY_STORED_HERE = env.str("TELEMETRY_STORED_HERE", default="")
TELEMETRY_SMALLEST_GROUP = env.str("TELEMETRY_SMALLEST_GROUP", default="1")
TELEMETRY_SMALLEST_GROUP_BI = env.str("TELEMETRY_SMALLEST_GROUP_BI", default="5")

# --- Logging: no personal data, so no request lines with paths and no SQL with values ---

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in LOG_LEVELS:
    raise ImproperlyConfigured(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}.")
_TO_THE_ROOT: dict[str, object] = {"handlers": [], "propagate": True}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"private": {"()": "rhesis_site.logging_privacy.PrivateFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "private"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Django's own handlers would print paths, and mail whole requests to whoever is in ADMINS.
        "django": _TO_THE_ROOT,
        "django.server": _TO_THE_ROOT,
        # Each failed attempt would be a line; the export tally counts them, and the last failure is an error still.
        "opentelemetry.exporter": {"level": "ERROR"},
    },
}

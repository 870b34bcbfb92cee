"""Django settings, read from the environment and `.env` (see docs/settings.md).

`rhesis_site.declared`, `privacy.switches` and `analytics.declared` declare them. A setting that Django needs at start
raises a numbered error here if invalid; for all others, `manage.py check` reports it.
"""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from analytics.declared import BROWSER_ENDPOINT
from privacy.declared import as_written
from rhesis_site import declared, dotenv
from rhesis_site.database_address import EMBEDDED_SETTINGS, with_patience
from rhesis_site.secret_key import local_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_DIR = BASE_DIR / ".local"

try:
    # Into the environment: libraries read it too.
    _file = dotenv.load(BASE_DIR / ".env", os.environ)
    os.environ.update(_file)
except dotenv.Unreadable as error:
    declared.refuse([f"site.E010: {error}."])
declared.refuse_what_is_misread(os.environ)
UNKNOWN_VARIABLES = declared.unknown_variables(os.environ, _file)
_env = os.environ.get

DEBUG = declared.DEBUG.read(_env)
SECRET_KEY = declared.SECRET_KEY.read(_env) or local_secret_key(LOCAL_DIR)
ALLOWED_HOSTS = declared.ALLOWED_HOSTS.read(_env)
CSRF_TRUSTED_ORIGINS = declared.CSRF_TRUSTED_ORIGINS.read(_env)

INSTALLED_APPS = [
    # Django's admin, with the access log.
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
    "rhesis_site",
    "accounts",
    "privacy",
    "analytics",
    "demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "rhesis_site.database_away.LimitedWaits",
    # Outside the middlewares that identify the person, so that it measures the whole request.
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

# --- Databases: PostgreSQL only. Without DATABASE_URL, an embedded PostgreSQL starts under .local/. ---

EMBEDDED_POSTGRES_DIR = LOCAL_DIR / "postgres"
# Refused by servers and by `check --deploy`; with the variables of a deployment, by every command.
EMBEDDED_UNASKED = declared.is_embedded_unasked(os.environ)

# A transaction pooler gives each transaction another session, and a cursor of the server lives in one. Long tables are
# read a page at a time anyway.
_KEPT_OPEN: dict[str, object] = {
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    "DISABLE_SERVER_SIDE_CURSORS": True,
}
DATABASES: dict[str, dict[str, object]] = {
    "default": _KEPT_OPEN | with_patience(declared.DATABASE_URL.read(_env) or EMBEDDED_SETTINGS),
}
if _analytics := declared.ANALYTICS_DATABASE_URL.read(_env):
    DATABASES["analytics"] = _KEPT_OPEN | with_patience(_analytics)
DATABASE_ROUTERS = ["analytics.router.AnalyticsRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The API's throttles count in this cache, so all workers and machines must share it. Sign-ins have their own table.
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
SIGN_IN_FAILURES_PER_ACCOUNT = declared.FAILURES_PER_ACCOUNT.read(_env)
SIGN_IN_FAILURES_PER_ADDRESS = declared.FAILURES_PER_ADDRESS.read(_env)
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
    "DEFAULT_PARSER_CLASSES": ["rhesis_site.json_body.JsonBody"],
    # We use `?format=` for NDJSON downloads.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "AUTO_REFRESH": False,
    "TOKEN_TTL": timedelta(hours=declared.SESSION_TOKEN_HOURS.read(_env)),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rhesis telemetry",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    # The schema contains nothing secret.
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rhesis_site.openapi.add_refusals",
    ],
}

# --- E-mail ---

globals().update(declared.EMAIL_URL.read(_env))
DEFAULT_FROM_EMAIL = declared.EMAIL_FROM.read(_env)

# --- The web ---

# On by default; `dev.py run` switches it off for plain HTTP on loopback.
_https = declared.HTTPS.read(_env)
HTTPS = not DEBUG if _https is None else _https
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
_hsts = declared.HSTS.read(_env) if HTTPS else declared.Hsts.OFF
SECURE_HSTS_SECONDS = 0 if _hsts is declared.Hsts.OFF else declared.HSTS_SECONDS.read(_env)
SECURE_HSTS_INCLUDE_SUBDOMAINS = _hsts in {declared.Hsts.SUBDOMAINS, declared.Hsts.PRELOAD}
SECURE_HSTS_PRELOAD = _hsts is declared.Hsts.PRELOAD
# `check --deploy` wants subdomains and preload of everybody: whether other names have HTTPS is for the operator to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
BEHIND_PROXY = declared.BEHIND_PROXY.read(_env)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# Browsers may connect to another origin only if NEXT_PUBLIC_OTEL_ENDPOINT names it.
_collector = urlsplit(BROWSER_ENDPOINT.read(_env))
CONNECT_SOURCES = [f"{_collector.scheme}://{_collector.netloc}"] if _collector.netloc else []

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
# The browser package is built at set-up. Without it the site works, but has no browser telemetry.
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

# --- Telemetry: text, which the declarations parse ---

globals().update(as_written(declared.OF_THE_APPS, os.environ))
# Authentication backend -> sign-in method, one of the choices of the catalogue's `login`; others count as `other`.
TELEMETRY_SIGN_IN_METHODS = {
    "accounts.backends.ThrottledBackend": "password",
    "accounts.authentication.SessionTokenAuthentication": "token",
}

# --- Logging: no personal data, so no request lines with paths and no SQL with values ---

LOG_LEVEL = declared.LOG_LEVEL.read(_env)
LOG_FORMAT = declared.LOG_FORMAT.read(_env)
_TO_THE_ROOT: dict[str, object] = {"handlers": [], "propagate": True}
LOGGING_CONFIG = "rhesis_site.logging_privacy.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "private": {
            "()": "rhesis_site.logging_privacy.PrivateFormatter",
            "as_json": LOG_FORMAT is declared.LogFormat.JSON,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "private"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Django's own handlers would print paths, and mail whole requests to ADMINS.
        "django": _TO_THE_ROOT,
        "django.server": _TO_THE_ROOT,
        # The servers' own handlers would print request lines and addresses.
        "gunicorn.error": _TO_THE_ROOT,
        "gunicorn.access": {**_TO_THE_ROOT, "level": "WARNING"},
        "uvicorn": _TO_THE_ROOT,
        "uvicorn.error": _TO_THE_ROOT,
        "uvicorn.asgi": _TO_THE_ROOT,
        "uvicorn.access": {**_TO_THE_ROOT, "level": "WARNING"},
        # Omits a line for each failed attempt, which the export tally counts; the final failure is logged as an error.
        "opentelemetry.exporter": {"level": "ERROR"},
    },
}

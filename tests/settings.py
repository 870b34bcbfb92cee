"""The site's settings as tests want them: the same on every machine, whatever its environment or `.env` says."""

import os

# Read before the real settings are: what is set here cannot be overridden by a developer's `.env`.
for name in ("ANALYTICS_DATABASE_URL", "SECRET_KEY", "ALLOWED_HOSTS", "TELEMETRY_CATALOGUES"):
    os.environ.pop(name, None)
os.environ.update(
    SECRET_KEY="a key for tests, long enough to be no warning: 0123456789",
    DJANGO_DEBUG="false",
    DJANGO_HTTPS="false",
    DATABASE_URL=os.environ.get("DATABASE_URL") or "embedded",
    # For the processes that tests start, too. Queued spans go when a test says so.
    OTEL_BSP_SCHEDULE_DELAY="86400000",
)

from rhesis_site.declared import OF_THE_APPS  # noqa: E402
from rhesis_site.settings import *  # noqa: E402, F403

# Not in production: its check fails where `max_migration.txt` is behind, so two branches' migrations conflict in git.
INSTALLED_APPS = [*INSTALLED_APPS, "django_linear_migrations"]  # noqa: F405

ALLOWED_HOSTS = ["*"]
# Plain names, whether or not `dev.py run` has collected files under hashed ones in this tree.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
# Each of a test's clients would read all static files again.
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Parallel workers of pytest-xdist share no server: tests create roles, lock, and freeze or restart it. Processes that a
# test starts inherit the variable.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    EMBEDDED_POSTGRES_DIR = LOCAL_DIR / f"postgres-of-{worker}"  # noqa: F405

# Telemetry starts out as a fresh self-hosted installation has it: nothing set. A test sets what it is about.
for _setting in OF_THE_APPS:
    globals()[_setting.name] = _setting.default
# Queued spans go when a test says so.
OTEL_BSP_SCHEDULE_DELAY = "86400000"
UNKNOWN_VARIABLES: list[str] = []
TELEMETRY_STRICT = True

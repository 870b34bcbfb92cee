"""Mistakes in a project with the wheel: each is a numbered message with the line that mends it."""

import re
from pathlib import Path

import pytest

from tests.wheel.projects import Project, ended, started

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
SQLITE = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}'
EVENT = """
[feature_usage.basket]
description = "Baskets"
purpose = "To improve them"
owner = "shop@shop.example"
expires = 2030-01-01
actions = ["%s"]
"""
# What is appended to the settings: numbers of the findings, and what the answer says to write.
MISTAKES = {
    SQLITE: (("privacy.E007", "analytics.E040"), '"ENGINE": "django.db.backends.postgresql",'),
    'MIDDLEWARE.remove("analytics.collect.middleware.TelemetryMiddleware")': (
        ("analytics.E037",),
        'In MIDDLEWARE, before SessionMiddleware, add "analytics.collect.middleware.TelemetryMiddleware",',
    ),
    "MIDDLEWARE.append(MIDDLEWARE.pop(1))": (
        ("analytics.E038",),
        'In MIDDLEWARE, before SessionMiddleware, put "analytics.collect.middleware.TelemetryMiddleware",',
    ),
    'MIDDLEWARE.remove("privacy.middleware.PrivacyMiddleware")': (
        ("privacy.E004",),
        'In MIDDLEWARE, after AuthenticationMiddleware, add "privacy.middleware.PrivacyMiddleware",',
    ),
    'TEMPLATES[0]["OPTIONS"]["context_processors"].pop()': (
        ("privacy.E006",),
        'add "privacy.context_processors.privacy_notice",',
    ),
    'INSTALLED_APPS[0] = "django.contrib.admin"': (
        ("privacy.E010",),
        "replace 'django.contrib.admin' with 'privacy.admin_config.RecordedAdminConfig'",
    ),
    'INSTALLED_APPS.remove("privacy")': (("analytics.E050",), 'In INSTALLED_APPS, add "privacy",'),
    'INSTALLED_APPS.remove("analytics")': (("privacy.E015",), 'in INSTALLED_APPS, add "analytics",'),
    'TELEMETRY_ORGANIZATION_FIELD = "team"': (("privacy.E016",), 'TELEMETRY_ORGANIZATION_FIELD = "organization"'),
    'ROOT_URLCONF = "shop.no_urls"': (
        ("privacy.E017", "analytics.E051"),
        'In shop.no_urls, in urlpatterns, before the admin, add path("", include("privacy.urls")),',
    ),
    'TEMPLATES[0]["DIRS"] = []': (("privacy.E018",), "TELEMETRY_BASE_TEMPLATE ="),
    'DATABASES["analytics"] = DATABASES["default"]': (
        ("analytics.E039",),
        'DATABASE_ROUTERS = ["analytics.router.AnalyticsRouter"]',
    ),
    'TELEMETRY_CATALOGUES = [BASE_DIR / "sold.toml", BASE_DIR / "bought.toml"]': (
        ("analytics.E005",),
        "bought.toml:2: feature_usage.basket is already declared in",
    ),
}


@pytest.fixture(scope="module")
def project(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = started(tmp_path_factory.mktemp("mistakes"), python)
    (made.folder / "shop" / "no_urls.py").write_text("urlpatterns = []\n")
    for action in ("sold", "bought"):
        (made.folder / f"{action}.toml").write_text(EVENT % action)
    made.manage("makemigrations", "people")
    return made


def mistaken(project: Project, *words: str, lines: str = "") -> str:
    """What `manage.py` prints with these lines at the end of the settings."""
    (project.folder / "shop" / "mistaken.py").write_text(f"from shop.settings import *\n{lines}\n")
    command = [project.python, "manage.py", *words, "--settings", "shop.mistaken"]
    return ended(command, cwd=project.folder)[1]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_number_and_the_line_to_write(mistake: str, project: Project) -> None:
    numbers, line = MISTAKES[mistake]
    printed = mistaken(project, "check", lines=mistake)
    assert set(re.findall(r"\b(?:privacy|analytics)\.[EW]\d{3}\b", printed)) == set(numbers), printed
    assert line in printed
    if "Traceback" in printed:  # Django's own, of whatever keeps an app from being loaded
        assert "django.core.exceptions.ImproperlyConfigured" in printed.splitlines()[-1]


def test_sqlite_is_refused_before_a_table_is_made(project: Project) -> None:
    printed = mistaken(project, "migrate", lines=SQLITE)
    assert "privacy.E007" in printed and "Traceback" not in printed and "Applying" not in printed


def test_an_old_django_is_refused_by_pip_and_where_it_was_forced_by_number(
    project: Project, wheel: Path, tmp_path: Path
) -> None:
    pip = [project.python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    code, printed = ended([*pip, "--dry-run", wheel, "Django==4.2.*"], cwd=tmp_path)
    assert code != 0 and "conflicting dependencies" in printed and "depends on django" in printed, printed
    code, printed = ended([*pip, "--no-deps", "--target", project.folder / "old", "Django==4.2.*"], cwd=tmp_path)
    assert code == 0, printed
    with_old = "import runpy, sys; sys.path[:0] = ['.', 'old']; runpy.run_path('manage.py', run_name='__main__')"
    _, printed = ended([project.python, "-c", with_old, "check"], cwd=project.folder)
    last = printed.splitlines()[-1]
    assert "privacy.E014: Django 4.2" in last and last.endswith("Run: pip install 'Django>=5.2'"), printed

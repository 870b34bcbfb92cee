"""Projects that have apps or packages of our names: labels of their own choice, and what cannot be."""

from pathlib import Path

import pytest

from tests.recipes import documented
from tests.wheel.projects import Project, started
from tools.environment import ROOT

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
SETTINGS = """
INSTALLED_APPS += ["shop.analytics", "shop.privacy"]
DATABASES["analytics"] = {**DATABASES["default"], "NAME": "usage"}
DATABASE_ROUTERS = ["analytics.router.AnalyticsRouter"]
"""
THEIRS = {
    "__init__.py": "",
    "apps.py": "from django.apps import AppConfig\n\nclass Own(AppConfig):\n    name = 'shop.{name}'\n",
    "models.py": "from django.db import models\n\nclass Habit(models.Model):\n    text = models.TextField()\n",
    "admin.py": "from django.contrib import admin\nfrom .models import Habit\nadmin.site.register(Habit)\n",
}
USE = """
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connections
from django.test import Client
from analytics.models import FeatureUsage
from privacy.models import ConsentEvent, PrivacyNotice
User = get_user_model()
jo, staff = Client(), Client()
jo.force_login(User.objects.get(username="jo"))
staff.force_login(User.objects.get(username="al"))
for page in ("consent/preference/", "consent/consentevent/", "consent/servicetoken/add/", "usage/", "usage/erasure/",
             "analytics/habit/", "analytics/reports/", "analytics/reports/digest", "analytics/installation/"):
    assert staff.get(f"/admin/{page}").status_code == 200, page
assert PrivacyNotice.objects.count() == 1 and FeatureUsage.objects.filter(feature_name="test_run").count() == 1
assert "analytics_feature_usage" in connections["analytics"].introspection.table_names()
assert "analytics_feature_usage" not in connections["default"].introspection.table_names()
assert jo.delete("/api/users/telemetry/data").status_code in (200, 202)
assert not FeatureUsage.objects.exists()
call_command("keep_telemetry")
call_command("verify_ledger")
manager = User.objects.create_user("mo", password="a good password", is_staff=True)
browser = Client()
browser.force_login(manager)
assert browser.get("/admin/analytics/reports/").status_code == 403
views = ("view_useractivity", "view_endpointusage", "view_featureusage")
manager.user_permissions.set(Permission.objects.filter(content_type__app_label="usage", codename__in=views))
assert browser.get("/admin/analytics/reports/").status_code == 200
"""


def with_app(project: Project, name: str, package: str) -> None:
    """The project has an app of this name in the folder of this package."""
    folder = project.folder.joinpath(*package.split("."))
    folder.mkdir()
    for file, text in THEIRS.items():
        (folder / file).write_text(text.replace("shop.{name}", package))


def test_beside_apps_of_the_same_labels_ours_have_others(python: Path, tmp_path: Path) -> None:
    project = started(tmp_path, python)
    shown = documented.files(ROOT / "docs" / "adopt.md")
    (project.folder / "shop" / "labels.py").write_text(shown["labels.py"])
    for name in ("analytics", "privacy"):
        with_app(project, name, f"shop.{name}")
    with (project.folder / "shop" / "settings.py").open("a") as settings:
        settings.write(shown["labels/settings.py"] + SETTINGS)
    project.manage("makemigrations", "people", "analytics", "privacy")
    assert "no issues" in project.manage("check")
    project.manage("shell", "-c", "from django.db import connection as c; c.cursor().execute('CREATE DATABASE usage')")
    for database in ("default", "analytics"):
        project.manage("migrate", "--verbosity", "0", "--database", database)
    assert "No changes detected" in project.manage("makemigrations", "--check", "--dry-run")
    project.stores_the_row_of_a_person_who_shares()
    project.manage("shell", stdin=USE)
    project.manage("migrate", "consent", "zero", "--verbosity", "0")


@pytest.mark.parametrize(("name", "number"), [("analytics", "privacy.E013"), ("privacy", "analytics.E046")])
def test_a_package_of_our_name_is_refused_by_number(name: str, number: str, python: Path, tmp_path: Path) -> None:
    project = started(tmp_path, python)
    with_app(project, name, name)
    with (project.folder / "shop" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS[0] = "django.contrib.admin"\n')  # without the line that needs our package
    assert f"{number}: {name} is the package" in project.refused("check").splitlines()[-1]

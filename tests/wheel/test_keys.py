"""The main job in projects whose users have keys that are no UUIDs, or sign in with an e-mail address."""

from pathlib import Path

import pytest

from tests.wheel.projects import started

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
WITH_WHOLE_NUMBERS = '''
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Users(BaseUserManager):
    def create_user(self, email, password, **more):
        user = self.model(email=email, **more)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """Without a user name, an organization, an active flag of its own, and a manager named `objects`."""

    email = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    people = Users()
    USERNAME_FIELD = "email"
'''
WITH_FOREIGN_KEYS = """
from django.contrib.auth.models import AbstractUser
from django.db import models


class Employee(models.Model):
    number = models.CharField(primary_key=True, max_length=40)


class User(AbstractUser):
    employee = models.OneToOneField(Employee, on_delete=models.CASCADE, primary_key=True)
"""
WITH_TEXTS = """
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    id = models.CharField(primary_key=True, max_length=40)
"""
ADMIN = """
from django.contrib import admin
from privacy.admin import WithPrivacy

from people.models import User


@admin.register(User)
class PersonAdmin(WithPrivacy, admin.ModelAdmin):
    fields = readonly_fields = WithPrivacy.privacy_fields
    actions = WithPrivacy.privacy_actions
"""
USE = """
import json
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from analytics import flush, telemetry_for, track_feature_usage
from analytics.models import FeatureUsage
from privacy.models import ConsentEvent, Right, ServiceToken
from privacy.services import new_token
User = get_user_model()
USES = FeatureUsage.objects.filter(feature_name="test_run")
def signed_in(person):
    client = Client()
    client.force_login(person)
    return client
create = User._default_manager.create_user
people = [create(**names, password="a good password") for names in PEOPLE]
jo, kim = people
staff = signed_in(create(**STAFF, password="another good one", is_staff=True, is_superuser=True))
for person in people:
    browser = signed_in(person)
    assert browser.get("/api/users/telemetry/status").json() == {"telemetry_enabled": False, "user_id": str(person.pk)}
    assert browser.put("/api/users/telemetry/enable").json()["telemetry_enabled"] is True
    (line,) = browser.get("/api/users/telemetry/history").json()["results"]
    receipt = browser.get(f"/api/users/telemetry/history/{line['id']}/receipt")
    assert json.loads(receipt.content)["dct:identifier"] == line["id"]
    assert browser.get("/settings/privacy/").status_code == 200
with telemetry_for(jo):
    track_feature_usage("test_run", "created", test_count=3)
with telemetry_for(kim.pk):
    track_feature_usage("test_run", "created", test_count=4)
assert flush(60), "the events were not taken"
assert signed_in(jo).put("/api/users/telemetry/disable").json()["telemetry_enabled"] is False
with telemetry_for(jo):
    track_feature_usage("test_run", "created", test_count=5)
assert flush(60)
assert sorted(row.metadata["test_count"] for row in USES.all()) == [3, 4]
for person, count in ((jo, 3), (kim, 4)):
    page = signed_in(person).get("/api/users/telemetry/data").json()
    assert {"test_count": count} in [row.get("metadata") for row in page["results"]]
    assert f'"test_count": {count}' in b"".join(signed_in(person).get("/settings/privacy/download/")).decode()
    assert staff.get(f"/admin/people/user/{quote(person.pk)}/change/").status_code == 200
    for model in ("preference", "consentevent", "accessevent"):
        page = staff.get(f"/admin/privacy/{model}/", {"q": str(person.pk)})
        assert page.status_code == 200, (model, page.status_code)
    found = staff.get("/admin/privacy/preference/", {"q": person.get_username()})
    assert [row.user for row in found.context_data["cl"].result_list] == [person]
    found = staff.get("/admin/privacy/preference/", {"q": str(person.pk)})
    assert person in [row.user for row in found.context_data["cl"].result_list]
digest, token = new_token()
ServiceToken.objects.create(name="worker", digest=digest, right=Right.DECISIONS)
asked = {"headers": {"Authorization": f"Bearer {token}"}}
for asked_about, expected in ((kim.pk, True), (jo.pk, False), ("nobody", False)):
    answer = Client().get("/api/telemetry/decision", {"user": str(asked_about)}, **asked).json()
    assert answer["telemetry_enabled"] is expected, (asked_about, answer)
call_command("telemetry_decision", str(kim.pk))
call_command("telemetry_decision", kim.get_username())
assert staff.get("/admin/analytics/reports/features/").status_code == 200
page = staff.post("/admin/privacy/privacynotice/add/", {"title": "New", "body": "Text"})
assert page.status_code == 200 and "Ask 3 people again?" in page.content.decode(), page.content
page = staff.post("/admin/privacy/installationcontrol/1/change/", {"locked": "on"})
assert page.status_code == 200 and "Switch 1 person off?" in page.content.decode(), page.content
receipt = signed_in(jo).delete("/api/users/telemetry/data")
assert receipt.status_code in (200, 202), receipt.content
was = kim.pk
kim.delete()
assert not FeatureUsage.objects.exists(), "an account's deletion deletes its rows"
lines = list(ConsentEvent.objects.filter(user_id=was).values_list("action", flat=True))
assert sorted(lines) == ["enabled", "erasure_requested", "notice_shown"], lines
found = staff.get("/admin/privacy/consentevent/", {"q": str(was)})
shown = found.context_data["cl"]
assert f"{was} (account deleted)" in [shown.model_admin.whose(row) for row in shown.result_list]
call_command("verify_ledger")
"""
NUMBERS = """
PEOPLE = [{"email": "jo@shop.example"}, {"email": "kim@shop.example"}]
STAFF = {"email": "al@shop.example"}
"""
TEXTS = r"""
PEOPLE = [{"id": "J\u00f6/1 %2F?&#\"'\\ <b>_5F\u202e", "username": "jo"}, {"id": "0", "username": "kim"}]
STAFF = {"id": "al", "username": "al"}
"""
EMPLOYEES = """
from people.models import Employee
jo, kim, al = [Employee.objects.create(number=number) for number in ("e/1", "e 2", "3")]
PEOPLE = [{"employee": jo, "username": "jo"}, {"employee": kim, "username": "kim"}]
STAFF = {"employee": al, "username": "al"}
"""


@pytest.mark.parametrize(
    ("model", "people"),
    [(WITH_WHOLE_NUMBERS, NUMBERS), (WITH_TEXTS, TEXTS), (WITH_FOREIGN_KEYS, EMPLOYEES)],
    ids=["whole numbers and e-mail", "texts", "keys that are foreign keys"],
)
def test_the_main_job(model: str, people: str, python: Path, tmp_path: Path) -> None:
    project = started(tmp_path, python)
    (project.folder / "people" / "models.py").write_text(model)
    (project.folder / "people" / "admin.py").write_text(ADMIN)
    project.manage("makemigrations", "people")
    assert "no issues" in project.manage("check")
    project.manage("migrate", "--verbosity", "0")
    with project.processor():
        project.manage("shell", stdin=people + USE)

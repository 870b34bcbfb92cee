"""Tasks: what they record is stored, all of it, each event once, also what is queued when their worker ends."""

from pathlib import Path

import pytest

from tests.profile import LONG
from tests.wheel.projects import Project, made, run, started
from tests.wheel.test_versions import interpreters

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
# Nothing is sent before a process ends.
SETTINGS = """
import importlib.util
TASKS_OF = "django.tasks" if importlib.util.find_spec("django.tasks") else "django_tasks"
INSTALLED_APPS += ["django_tasks_db", "django_q"]
TASKS = {
    "default": {"BACKEND": f"{TASKS_OF}.backends.immediate.ImmediateBackend"},
    "stored": {"BACKEND": "django_tasks_db.DatabaseBackend"},
}
Q_CLUSTER = {"name": "shop", "orm": "default", "workers": 2, "recycle": 3, "timeout": 60, "retry": 120, "poll": 0.1}
OTEL_BSP_SCHEDULE_DELAY = 86_400_000
"""
TASKS = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import get_user_model
from analytics import telemetry_for, track_feature_usage

task = import_module(settings.TASKS_OF).task

def record(number):
    with telemetry_for(get_user_model().objects.get(username="jo")):
        track_feature_usage("test_run", "created", test_count=number)

@task()
def use(number):
    record(number)
"""
ENQUEUE = """
from django.contrib.auth import get_user_model
from django.test import Client
from django_q.tasks import async_task
from people.tasks import use
browser = Client()
browser.force_login(get_user_model().objects.create_user("jo", password="a good password"))
assert browser.put("/api/users/telemetry/enable").json()["telemetry_enabled"] is True
for number in range(20):
    use.enqueue(number)
    use.using(backend="stored").enqueue(20 + number)
    async_task("people.tasks.record", 40 + number)
"""
WAIT = """
import time
from django_q.models import Success
from django_tasks_db.models import DBTaskResult
latest = time.monotonic() + 120
while Success.objects.count() + DBTaskResult.objects.successful().count() < 40:
    assert time.monotonic() < latest, "the tasks are not done"
    time.sleep(0.1)
"""
COUNTED = """
from analytics.models import FeatureUsage
rows = FeatureUsage.objects.filter(feature_name="test_run")
counts = sorted(row.metadata["test_count"] for row in rows)
print("missing:", sorted(set(range(60)) - set(counts)), "rows:", len(counts))
"""


def test_every_event_of_a_task_is_stored_once(python: Path, tmp_path: Path) -> None:
    project = started(tmp_path, python)
    # Beside manage.py, where they are found first, so that the environment may be shared.
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--target", project.folder]
    run(*pip, "django-q2", "django-picklefield", "django-tasks", "django-tasks-db", cwd=tmp_path)
    counts_every_event(project)


@pytest.mark.skipif(not LONG, reason="an environment of its own is of the long profile")
def test_every_event_of_a_task_of_django_itself_is_stored_once(wheel: Path, tmp_path: Path) -> None:
    """As of Django 6."""
    found = interpreters()
    packages = ["Django>=6", "django-q2", "django-tasks-db"]
    counts_every_event(made(tmp_path, wheel, interpreter=found[max(found)], packages=packages))


def counts_every_event(project: Project) -> None:
    with (project.folder / "shop" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    (project.folder / "people" / "tasks.py").write_text(TASKS)
    project.manage("makemigrations", "people")
    project.manage("migrate", "--verbosity", "0")
    with project.processor():
        project.manage("shell", stdin=ENQUEUE)
        # With a reloader, which DEBUG brings, SIGTERM would end the reloader alone.
        worker = ("db_worker", "--backend", "stored", "--interval", "0.1", "--no-reload")
        with project.running(*worker), project.running("qcluster"):
            project.manage("shell", stdin=WAIT)
    printed = project.manage("shell", stdin=COUNTED)
    assert "missing: [] rows: 60\n" in printed, printed

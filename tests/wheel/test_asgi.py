"""A project of async views under uvicorn: each request of a person is a row, also those of just before its end."""

from pathlib import Path

import pytest
import requests

from tests.acceptance.product import free_port, wait_until
from tests.recipes import documented
from tests.wheel.projects import run, started
from tools.environment import ROOT

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
# Nothing is sent before the server ends.
SETTINGS = """
ROOT_URLCONF = "shop.pages"
OTEL_BSP_SCHEDULE_DELAY = 86_400_000
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
"""
PAGES = """
import asyncio
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path
from analytics import track_feature_usage
from shop.urls import urlpatterns


async def answer(request):
    await asyncio.sleep(0)
    if (await request.auser()).is_authenticated:
        track_feature_usage("test_run", "created", test_count=7)
    return JsonResponse({"ok": True})


async def parts(request):
    await request.auser()
    async def each():
        for part in ("a", "b", "c"):
            await asyncio.sleep(0)
            yield part
    return StreamingHttpResponse(each())


urlpatterns = [path("answer/", answer), path("parts/", parts), *urlpatterns]
"""
SHARES = """
from django.contrib.auth import get_user_model
from django.test import Client
browser = Client()
browser.force_login(get_user_model().objects.create_user("jo", password="a good password"))
assert browser.put("/api/users/telemetry/enable").json()["telemetry_enabled"] is True
print("session:", browser.cookies["sessionid"].value)
"""
ROWS = """
from analytics.models import EndpointUsage, FeatureUsage
count = lambda path: EndpointUsage.objects.filter(endpoint=path, status_code=200).count()
print("rows:", count("/answer/"), count("/parts/"), FeatureUsage.objects.filter(metadata__test_count=7).count())
"""


def test_each_request_is_a_row(python: Path, tmp_path: Path) -> None:
    project = started(tmp_path, python)
    # Beside manage.py, where they are found first, so that the environment may be shared.
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--target", project.folder]
    run(*pip, "uvicorn", "click", "h11", cwd=tmp_path)
    (project.folder / "shop" / "asgi.py").write_text(documented.files(ROOT / "docs" / "adopt.md")["asgi.py"])
    (project.folder / "shop" / "pages.py").write_text(PAGES)
    with (project.folder / "shop" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    project.manage("makemigrations", "people")
    project.manage("migrate", "--verbosity", "0")
    session = project.manage("shell", stdin=SHARES).partition("session: ")[2].split()[0]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    uvicorn = ("-m", "uvicorn", "shop.asgi:application")
    with project.processor(), project.running("--port", str(port), program=uvicorn), requests.Session() as browser:
        wait_until("uvicorn", lambda: answers(f"{url}/answer/"))
        browser.cookies["sessionid"] = session
        for _ in range(20):
            assert browser.get(f"{url}/answer/", timeout=60).json() == {"ok": True}
            assert browser.get(f"{url}/parts/", timeout=60).text == "abc"
    printed = project.manage("shell", stdin=ROWS)
    assert "rows: 20 20 20\n" in printed, printed


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).status_code == 200
    except requests.RequestException:
        return False

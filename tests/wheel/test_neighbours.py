"""Beside packages that many projects have: each sign-in of theirs is known, and nothing of theirs breaks."""

import sys
from pathlib import Path

import pytest

from tests.recipes import documented
from tests.wheel.projects import made
from tools.environment import ROOT

# Packages are installed, on any network.
pytestmark = pytest.mark.timeout(900)
PACKAGES = [
    "django-allauth",
    "django-debug-toolbar",
    "django-ninja",
    "djangorestframework-simplejwt",
    "django-csp",
    "opentelemetry-instrumentation-django",
]
SETTINGS = """
INSTALLED_APPS += [
    "rest_framework.authtoken", "rest_framework_simplejwt", "ninja", "allauth", "allauth.account", "debug_toolbar",
    "csp",
]
MIDDLEWARE.insert(1, "debug_toolbar.middleware.DebugToolbarMiddleware")
MIDDLEWARE.insert(1, "csp.middleware.CSPMiddleware")
MIDDLEWARE.append("allauth.account.middleware.AccountMiddleware")
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"
]
INTERNAL_IPS = ["127.0.0.1"]
DEBUG_TOOLBAR_CONFIG = {"IS_RUNNING_TESTS": False}
ROOT_URLCONF = "shop.neighbours"
TELEMETRY_BASE_TEMPLATE = "shop/frame.html"
ACCOUNT_EMAIL_VERIFICATION = "none"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": {"default-src": ["'self'"]}}
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.instrumentation.django import DjangoInstrumentor
OWN_SPANS = InMemorySpanExporter()
own = TracerProvider()
own.add_span_processor(SimpleSpanProcessor(OWN_SPANS))
trace.set_tracer_provider(own)
DjangoInstrumentor().instrument()
"""
URLS = """
from debug_toolbar.toolbar import debug_toolbar_urls
from django.urls import include, path
from ninja import NinjaAPI
from ninja.security import HttpBearer, django_auth
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication

from shop.urls import urlpatterns


class Keys(HttpBearer):
    def authenticate(self, request, token):
        found = Token.objects.filter(key=token).select_related("user").first()
        return found and found.user


class WithToken(APIView):
    authentication_classes = [TokenAuthentication]

    def get(self, request):
        return Response({"ok": True})


class WithJwt(WithToken):
    authentication_classes = [JWTAuthentication]


api = NinjaAPI()


@api.get("session", auth=django_auth)
def by_session(request):
    return {"ok": True}


@api.get("bearer", auth=Keys())
def by_bearer(request):
    return {"ok": True}


@api.get("async", auth=django_auth)
async def by_async(request):
    return {"ok": True}


urlpatterns = [
    path("token/", WithToken.as_view()),
    path("jwt/", WithJwt.as_view()),
    path("ninja/", api.urls),
    path("accounts/", include("allauth.urls")),
    *urlpatterns,
    *debug_toolbar_urls(),
]
"""
USE = """
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken
from analytics import flush
from privacy.models import PrivacyNotice
user = get_user_model().objects.create_user("jo", password="a good password")
browser, program = Client(), Client()
page = browser.post("/accounts/login/", {"login": "jo", "password": "a good password"})
assert page.status_code == 302, page.content
assert PrivacyNotice.objects.get().title == "Usage data helps us improve Shop"
page = browser.get("/settings/privacy/").content.decode()
assert "A basket with things to buy." in page and "A prompt." not in page and "Rhesis" not in page, page
answer = browser.put("/api/users/telemetry/enable").json()
assert answer["telemetry_enabled"] is True and answer["message"] == "Thank you for helping improve Shop!", answer
browser.post("/accounts/logout/")
page = browser.post("/accounts/login/", {"login": "jo", "password": "a good password"})
page = browser.get("/settings/privacy/")
assert b'data-telemetry="/static/telemetry/telemetry.js"' in page.content
assert b"djDebug" in browser.get("/accounts/password/change/").content
assert page["Content-Security-Policy"] == "default-src 'self'", page["Content-Security-Policy"]
key = Token.objects.create(user=user).key
for client, path, headers in (
    (browser, "/ninja/session", {}),
    (browser, "/ninja/async", {}),
    (program, "/ninja/bearer", {"Authorization": f"Bearer {key}"}),
    (program, "/token/", {"Authorization": f"Token {key}"}),
    (program, "/jwt/", {"Authorization": f"Bearer {AccessToken.for_user(user)}"}),
):
    assert client.get(path, headers=headers).json() == {"ok": True}, path
assert flush(60), "not taken"
assert [span.name for span in settings.OWN_SPANS.get_finished_spans() if span.name == "GET token/"], "their own spans"
"""
ROWS = """
from analytics.models import EndpointUsage, UserActivity
print(sorted(EndpointUsage.objects.values_list("endpoint", flat=True)))
print(sorted(UserActivity.objects.values_list("event_type", flat=True)))
"""


def test_every_sign_in_of_theirs_is_known_and_nothing_of_theirs_breaks(wheel: Path, tmp_path: Path) -> None:
    project = made(tmp_path, wheel, interpreter=sys.executable, packages=PACKAGES)
    with (project.folder / "shop" / "settings.py").open("a") as settings:
        settings.write(SETTINGS + documented.files(ROOT / "docs" / "adopt.md")["words/settings.py"])
    declared = documented.files(ROOT / "docs" / "add-an-event.md")["telemetry.toml"]
    (project.folder / "telemetry.toml").write_text(declared)
    (project.folder / "shop" / "neighbours.py").write_text(URLS)
    (project.folder / "templates" / "shop").mkdir()
    (project.folder / "templates" / "base.html").rename(project.folder / "templates" / "shop" / "frame.html")
    project.manage("makemigrations", "people")
    assert "no issues" in project.manage("check")
    project.manage("migrate", "--verbosity", "0")
    with project.processor():
        project.manage("shell", stdin=USE)
    said = project.manage("shell", stdin=ROWS)
    for path in ("/jwt/", "/ninja/async", "/ninja/bearer", "/ninja/session", "/settings/privacy/", "/token/"):
        assert said.count(f"'{path}'") == 1, said
    assert said.count("'login'") == 1, said

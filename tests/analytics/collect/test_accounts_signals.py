"""How somebody signed in: what the authentication backend is declared to be, whoever's view it was."""

from typing import Any

import pytest
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.backends import ModelBackend, RemoteUserBackend
from django.contrib.auth.signals import user_logged_in
from django.core.checks import run_checks
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from accounts.models import User
from tests.support.people import someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
HERE = "tests.analytics.collect.test_accounts_signals"


class SocialBackend(ModelBackend):
    """Stands for a package's: it has its own way to find out who somebody is."""

    def authenticate(self, request: HttpRequest | None, social_name: str = "", **_: Any) -> User | None:  # type: ignore[override]
        return User.objects.filter(username=social_name).first()


class ProxyBackend(RemoteUserBackend):
    create_unknown_user = False


def person_of(request: HttpRequest) -> User:
    return User.objects.get(username=request.GET["name"])


def signs_in_with(request: HttpRequest, backend: str) -> HttpResponse:
    """As the views of packages do: `login()` with their own backend."""
    login(request, person_of(request), backend=backend)
    return HttpResponse("in")


def signs_in_by_asking(request: HttpRequest) -> HttpResponse:
    login(request, authenticate(request, social_name=request.GET["name"]))  # type: ignore[arg-type]
    return HttpResponse("in")


def hands_out_a_token(request: HttpRequest) -> HttpResponse:
    """A token view of a package: no session, and no word of how."""
    person = person_of(request)
    user_logged_in.send(sender=type(person), request=request, user=person)
    return HttpResponse("token")


def hands_out_a_token_for_a_password(request: HttpRequest) -> HttpResponse:
    person = authenticate(request, username=request.GET["name"], password=PASSWORD)
    user_logged_in.send(sender=type(person), request=request, user=person)
    return HttpResponse("token")


def signs_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse("out")


urlpatterns = [
    path("with/<str:backend>/", signs_in_with),
    path("by-asking/", signs_in_by_asking),
    path("token/", hands_out_a_token),
    path("token-for-a-password/", hands_out_a_token_for_a_password),
    path("out/", signs_out),
    path("", include("rhesis_site.urls")),
]
PASSWORDS, SOCIAL, PROXY = "accounts.backends.ThrottledBackend", f"{HERE}.SocialBackend", f"{HERE}.ProxyBackend"
METHODS = {PASSWORDS: "password", SOCIAL: "social", "accounts.authentication.SessionTokenAuthentication": "token"}


@pytest.mark.parametrize(
    ("address", "method"),
    [
        (f"/with/{PASSWORDS}/", "password"),
        (f"/with/{SOCIAL}/", "social"),
        (f"/with/{PROXY}/", "other"),
        ("/by-asking/", "social"),
        ("/token/", "other"),
        ("/token-for-a-password/", "password"),
    ],
)
@pytest.mark.urls(HERE)
@override_settings(TELEMETRY_SIGN_IN_METHODS=METHODS, AUTHENTICATION_BACKENDS=[PASSWORDS, SOCIAL, PROXY])
def test_the_method_is_what_the_backend_is_declared_to_be(address: str, method: str) -> None:
    person = someone_who_shares()
    person.set_password(PASSWORD)
    person.save()
    with wired() as (wire, running):
        browser = Client()
        browser.get(address, {"name": person.username})
        browser.get("/out/")
        running.flush()
    found = [(each["event.type"], each.get("metadata.method")) for each in wire.of("user_activity")]
    if "token" in address:
        assert found == [("login", method)]
    else:
        assert found == [("login", method), ("session_start", None), ("logout", method)]


@pytest.mark.urls(HERE)
@override_settings(
    TELEMETRY_SIGN_IN_METHODS={**METHODS, PROXY: "single_sign_on"},
    AUTHENTICATION_BACKENDS=[PASSWORDS, PROXY],
)
def test_who_is_signed_in_by_a_proxy_is_recorded_once_with_its_method(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.RemoteUserMiddleware"]
    person = someone_who_shares()
    with wired() as (wire, running):
        browser = Client(REMOTE_USER=person.username)
        for _ in range(2):
            browser.get("/settings/password/")
        running.flush()
    found = [(each["event.type"], each.get("metadata.method")) for each in wire.of("user_activity")]
    assert found == [("login", "single_sign_on"), ("session_start", None)]


@override_settings(TELEMETRY_SIGN_IN_METHODS=METHODS)
def test_a_token_is_a_token_also_in_a_browser_that_somebody_is_signed_in_with() -> None:
    person = someone_who_shares()
    person.set_password(PASSWORD)
    person.save()
    with wired() as (wire, running):
        browser = Client()
        browser.force_login(person)
        fields = {"username": person.username, "password": PASSWORD}
        browser.post("/api/auth/login", fields, content_type="application/json")
        running.flush()
    last = wire.of("user_activity")[-1]
    assert last["metadata.method"] == "token" and "session.id" not in last


@pytest.mark.parametrize(
    ("methods", "problem"),
    [
        ({PASSWORDS: "fingerprint"}, "one of other, password, single_sign_on, social, token"),
        ({"accounts.backends.Nonesuch": "password"}, "cannot be imported"),
    ],
)
def test_a_declaration_that_cannot_be_is_an_error(methods: dict[str, str], problem: str) -> None:
    with override_settings(TELEMETRY_SIGN_IN_METHODS=methods):
        found = [each for each in run_checks() if each.id == "analytics.E030"]
    assert len(found) == 1 and problem in found[0].msg

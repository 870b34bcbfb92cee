"""What browsers are told by every answer, and what a password and a session are."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
PASSWORD = "correct horse battery"
LONG = "ein langer Satz mit Umlauten äöü und ☂, ohne Ziffer und ohne Zwang, länger als 64 Zeichen"


@pytest.fixture
def person() -> User:
    person = a_person()
    person.set_password(PASSWORD)
    person.save()
    return person


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/settings/privacy/", "/admin/", "/api/docs", "/nowhere/"])
def test_every_answer_has_the_headers_that_protect_its_reader(person: User, path: str) -> None:
    answer = signed_in(person).get(path)

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    policy = answer.headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
        assert directive in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/sign-in/", "/api/schema", "/api/docs"])
def test_every_answer_names_its_type_and_its_text_is_utf_8(path: str) -> None:
    kind = Client().get(path).headers["Content-Type"]

    assert "json" in kind or kind.endswith("charset=utf-8")


def test_no_other_origin_is_let_in_by_a_browser(person: User) -> None:
    answer = signed_in(person).get("/settings/privacy/", headers={"Origin": "https://evil.example"})

    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_a_session_cookie_is_for_https_and_for_no_script_and_goes_to_no_other_site(
    person: User, settings: Settings
) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    browser = Client()
    browser.get("/sign-in/")
    answer = browser.post("/sign-in/", {"username": person.username, "password": PASSWORD})

    session = answer.cookies["sessionid"]
    assert (session["secure"], session["httponly"], session["samesite"]) == (True, True, "Lax")
    csrf = answer.cookies["csrftoken"]
    assert (csrf["secure"], csrf["samesite"]) == (True, "Lax")


def session_of_a_sign_in(browser: Client, person: User) -> str:
    browser.post("/sign-in/", {"username": person.username, "password": PASSWORD})
    return browser.cookies["sessionid"].value


def test_a_session_is_new_at_each_sign_in_and_over_at_sign_out(person: User) -> None:
    browser = Client()
    first = session_of_a_sign_in(browser, person)
    assert browser.get("/").status_code == 200
    browser.post("/sign-out/")

    second = session_of_a_sign_in(browser, person)
    assert first != second and len(second) >= 32
    browser.cookies["sessionid"] = first
    assert browser.get("/").status_code == 302


def test_a_session_ends_two_weeks_after_the_sign_in(person: User) -> None:
    assert 0 < signed_in(person).session.get_expiry_age() <= 14 * 24 * 3600


def test_trace_is_answered_by_no_page() -> None:
    assert Client().trace("/sign-in/").status_code == 405


def test_a_folder_of_static_files_is_not_listed() -> None:
    assert Client().get("/static/").status_code == 404


def changed(person: User, new: str) -> bool:
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    signed_in(person).post("/settings/password/", fields)
    return User.objects.get(pk=person.pk).check_password(new)


@pytest.mark.parametrize("password", ["short7!", "password123", "87512345", "iloveyou"])
def test_a_password_that_is_short_common_or_a_number_is_refused(person: User, password: str) -> None:
    assert not changed(person, password)


def test_a_password_like_the_persons_name_is_refused(person: User) -> None:
    User.objects.filter(pk=person.pk).update(username="marguerite.dubois")
    person.refresh_from_db()
    assert not changed(person, "marguerite.dubois1")


@pytest.mark.parametrize("password", [LONG, "a quiet green harbour", "  spaces at both ends  "])
def test_a_long_password_of_any_characters_is_kept_exactly(person: User, password: str) -> None:
    assert changed(person, password)
    assert not User.objects.get(pk=person.pk).check_password(password[:-1])


def test_forms_mask_passwords_and_let_managers_fill_them_in(person: User) -> None:
    for page, wanted in (("/sign-in/", ["current-password"]), ("/settings/password/", ["new-password"])):
        text = (Client() if page == "/sign-in/" else signed_in(person)).get(page).text
        assert 'type="password"' in text and "onpaste" not in text
        assert all(f'autocomplete="{each}"' in text for each in wanted)


def test_a_field_that_a_form_does_not_have_changes_nothing(person: User) -> None:
    browser = signed_in(person)
    fields = {"old_password": "wrong", "is_staff": "on", "is_superuser": "on", "username": "root"}
    browser.post("/settings/password/", fields)
    browser.post("/settings/privacy/sharing/", {"sharing": "on", "is_staff": "on"})

    person.refresh_from_db()
    assert not person.is_staff and not person.is_superuser and person.username != "root"


def test_no_account_is_there_before_somebody_makes_it() -> None:
    assert not User.objects.exists()

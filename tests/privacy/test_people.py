"""Who a request is of, without asking the database."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from analytics.models import MonthlyPeople
from privacy import checks
from privacy.people import resolved_user
from tests.support.people import a_person

pytestmark = pytest.mark.django_db


def resolved(put_on: Callable[[], object]) -> User | None:
    request = RequestFactory().get("/")
    request.user = put_on()  # type: ignore[assignment]
    with CaptureQueriesContext(connection) as queries:
        found = resolved_user(request)
    assert len(queries) == 0
    return found


def test_a_user_the_api_put_there_is_seen() -> None:
    person = a_person()
    assert resolved(lambda: person) == person


def test_a_lazy_user_is_seen_only_when_somebody_has_looked_already() -> None:
    person = a_person()
    unopened = SimpleLazyObject(lambda: User.objects.get(pk=person.pk))
    opened = SimpleLazyObject(lambda: User.objects.get(pk=person.pk))
    assert opened.pk == person.pk
    assert resolved(lambda: unopened) is None
    assert resolved(lambda: opened) == person


def test_a_user_that_ninja_authenticated_comes_before_the_session_s() -> None:
    browser, program = a_person(), a_person()
    request = RequestFactory().get("/")
    request.user, request.auth = browser, program  # type: ignore[attr-defined]
    assert resolved_user(request) == program
    request.auth = "a token"  # type: ignore[attr-defined]
    assert resolved_user(request) == browser


def test_nobody_is_nobody() -> None:
    assert resolved(AnonymousUser) is None
    assert resolved(lambda: SimpleLazyObject(AnonymousUser)) is None
    assert resolved_user(RequestFactory().get("/")) is None


def test_a_user_model_whose_key_cannot_be_stored_is_an_error_with_the_line_to_add() -> None:
    (finding,) = checks._user_key(MonthlyPeople)
    assert finding.id == "privacy.E012" and "models.UUIDField(primary_key=True" in str(finding.hint)
    assert [*checks._user_key(User), *checks._user_key(Group)] == []

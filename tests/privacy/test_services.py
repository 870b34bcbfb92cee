"""GET /api/telemetry/decision: what another service of the operator may send of a person, and who may ask."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client
from knox.models import AuthToken
from pytest_django.fixtures import Settings

from analytics.voucher import Vouchers
from privacy import choices, services
from privacy.clock import unix_us
from privacy.models import AccessEvent, Preference, Right, ServiceToken, Source
from tests.support.people import a_person, alias_of, signed_in, someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
ADDRESS = "/api/telemetry/decision"


@pytest.fixture(autouse=True)
def _collecting() -> Any:
    with wired():
        yield


@pytest.fixture
def token() -> str:
    digest, token = services.new_token()
    ServiceToken.objects.create(name="shop", digest=digest)
    return token


def asked(token: str, user: object) -> dict[str, Any]:
    answer = Client().get(ADDRESS, {"user": str(user)}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_of_a_person_who_shares_the_service_learns_the_pseudonyms_for_a_minute(token: str) -> None:
    person = someone_who_shares()
    found = asked(token, person.pk)
    assert found["telemetry_enabled"] is True
    assert found["pseudonyms"]["user_id"] == str(alias_of(person))
    assert found["pseudonyms"]["organization_id"] not in {None, str(person.organization_id)}
    valid = datetime.fromisoformat(found["valid_until"]) - datetime.now(UTC)
    assert timedelta() < valid <= timedelta(seconds=services.VALID_SECONDS + 5)


def test_a_service_is_given_a_voucher_for_the_time_that_the_person_shares(token: str, settings: Settings) -> None:
    person = someone_who_shares()
    assert asked(token, person.pk)["voucher"] is None, "there is no key"
    settings.TELEMETRY_VOUCHER_KEY = "a key of vouchers for tests"

    found = asked(token, person.pk)

    valid_us = unix_us(datetime.fromisoformat(found["valid_until"]))
    since = Preference.objects.get(pk=person.pk).consenting_since
    assert since is not None
    covers = partial(Vouchers.configured().cover, found["voucher"], alias_of(person).bytes)
    assert covers(unix_us(since) + 1_000_000) and covers(valid_us - 1_000_000)
    assert not covers(unix_us(since) - 1) and not covers(valid_us + 1_000_000)


def test_after_a_withdrawal_and_after_a_deletion_the_answer_changes(token: str) -> None:
    person = someone_who_shares()
    before = asked(token, person.pk)["pseudonyms"]
    choices.choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)
    assert asked(token, person.pk)["pseudonyms"] is None
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    choices.request_deletion(person.pk, source=Source.API, actor_id=person.pk)
    after = asked(token, person.pk)["pseudonyms"]
    assert after["user_id"] != before["user_id"]


@pytest.mark.parametrize("stranger", [uuid4(), "4711", "jane@example.org", "%00", "x" * 5000, "' OR 1=1 --"])
def test_nobody_and_a_person_who_does_not_share_have_the_same_answer(token: str, stranger: object) -> None:
    answers = [asked(token, user) for user in (a_person().pk, stranger)]
    assert [{**each, "valid_until": ""} for each in answers] == [
        {"telemetry_enabled": False, "pseudonyms": None, "voucher": None, "valid_until": ""}
    ] * 2


def test_a_question_about_no_user_is_an_error(token: str) -> None:
    answer = Client().get(ADDRESS, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "user is missing: the key of the person's account.")


def test_only_a_service_may_ask(token: str) -> None:
    person = someone_who_shares()
    _, of_person = AuthToken.objects.create(user=person)
    for header in ("", "Bearer", "Bearer ", f"Basic {token}", f"Bearer {token}x", f"Bearer {of_person}", "Bearer \xe4"):
        answer = Client().get(ADDRESS, {"user": str(person.pk)}, headers={"Authorization": header} if header else {})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), header
    assert signed_in(person).get(ADDRESS, {"user": str(person.pk)}).status_code == 401
    answer = Client().get("/api/users/telemetry/status", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401, "a service is nobody's session"


def test_a_token_that_reads_reports_learns_nothing_of_a_person() -> None:
    digest, reports_token = services.new_token()
    ServiceToken.objects.create(name="dashboard", digest=digest, right=Right.REPORTS)
    headers = {"Authorization": f"Bearer {reports_token}"}
    answer = Client().get(ADDRESS, {"user": str(someone_who_shares().pk)}, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "This token has another right. Use one with the right: Ask for decisions about people.",
    )


def test_a_service_that_asks_without_end_is_throttled_by_itself(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.DecisionThrottle, "rate", "3/min")
    other_digest, other = services.new_token()
    ServiceToken.objects.create(name="other", digest=other_digest)
    for _ in range(3):
        asked(token, uuid4())
    answer = Client().get(ADDRESS, {"user": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    assert asked(other, uuid4())["telemetry_enabled"] is False


def test_staff_make_a_token_that_is_shown_once_and_revoke_it() -> None:
    staff = signed_in(a_person(is_staff=True, is_superuser=True))
    assert "Created at" not in staff.get("/admin/privacy/servicetoken/add/").text
    page = staff.post("/admin/privacy/servicetoken/add/", {"name": "shop", "right": "decisions"}, follow=True)
    (token,) = set(re.findall(r"rts_[\w-]{40,}", page.text))
    made = ServiceToken.objects.get()
    assert made.digest != token and token not in staff.get("/admin/privacy/servicetoken/").text
    assert "Created at" in staff.get(f"/admin/privacy/servicetoken/{made.pk}/change/").text
    assert asked(token, uuid4())["telemetry_enabled"] is False
    assert AccessEvent.objects.filter(what__contains="service token").exists()

    staff.post(f"/admin/privacy/servicetoken/{made.pk}/delete/", {"post": "yes"})
    answer = Client().get(ADDRESS, {"user": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_only_staff_with_the_permission_make_a_token_that_reads_reports() -> None:
    maker = a_person(is_staff=True)
    maker.user_permissions.set(Permission.objects.filter(codename__in=["add_servicetoken", "view_servicetoken"]))
    wanted = {"name": "dashboard", "right": "reports"}
    page = signed_in(maker).post("/admin/privacy/servicetoken/add/", wanted)
    assert "Select a valid choice" in page.text and not ServiceToken.objects.exists()
    maker.user_permissions.add(Permission.objects.get(codename="issue_reports_token"))
    signed_in(maker).post("/admin/privacy/servicetoken/add/", wanted)
    assert ServiceToken.objects.get().right == Right.REPORTS


@pytest.mark.django_db(transaction=True)
def test_refused_questions_count_where_a_request_is_one_transaction(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal rolls the request's transaction back. The host's cache may be in the same database."""
    monkeypatch.setattr(services.DecisionThrottle, "rate", "3/min")
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    headers = {"Authorization": f"Bearer {token}"}
    codes = [Client().get(ADDRESS, headers=headers).status_code for _ in range(4)]
    assert codes == [400, 400, 400, 429]

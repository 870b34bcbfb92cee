"""What staff see of the gate, and the little they may do, all of it in the ledger under their name."""

import html
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from analytics.models import Erasure
from privacy import choices
from privacy.gate import decision_for
from privacy.models import Action, ConsentEvent, InstallationControl, Preference, PrivacyNotice, Source
from tests.privacy.test_api import store_rows
from tests.support.people import a_person, signed_in, someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
PREFERENCES, LEDGER, PEOPLE = "/admin/privacy/preference/", "/admin/privacy/consentevent/", "/admin/accounts/user/"


@pytest.fixture(autouse=True)
def _telemetry_on() -> Iterator[None]:
    cache.clear()
    with wired(TELEMETRY_STORED_HERE="true"):
        yield


@pytest.fixture
def operator() -> User:
    return a_person(is_staff=True, is_superuser=True)


@pytest.fixture
def staff(operator: User) -> Client:
    return signed_in(operator)


def act(client: Client, path: str, action: str, *people: User) -> str:
    chosen = [str(person.pk) for person in people]
    return client.post(path, {"action": action, "_selected_action": chosen}, follow=True).text


def test_staff_switch_people_off_whether_they_have_a_preference_or_not(staff: Client, operator: User) -> None:
    shares, undecided = someone_who_shares(), a_person()
    assert "off for 2 people" in act(staff, PEOPLE, "switch_off", shares, undecided)
    for person in (shares, undecided):
        assert not decision_for(person.pk).enabled
        event = ConsentEvent.objects.get(user_id=person.pk, action=Action.DISABLED)
        assert (event.actor_id, event.source) == (operator.pk, Source.ADMIN)
    assert "off for 0 people" in act(staff, PREFERENCES, "switch_off", shares)


def test_there_is_no_way_to_switch_anyone_on(staff: Client) -> None:
    person = a_person()
    choices.choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)
    assert staff.post(f"{PREFERENCES}{person.pk}/change/", {"choice": "true"}).status_code == 403
    assert staff.post(f"{PREFERENCES}add/", {"user": str(a_person().pk), "choice": "true"}).status_code == 403
    staff.post(f"{PEOPLE}{person.pk}/change/", {"username": person.username, "effective_decision": "On"})
    assert Preference.objects.get(pk=person.pk).choice is False


def test_staff_without_the_permission_are_not_offered_the_action(operator: User) -> None:
    clerk = a_person(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "view_preference"]))
    person = someone_who_shares()
    client = signed_in(clerk)
    assert client.get(PREFERENCES).status_code == 200
    act(client, PEOPLE, "switch_off", person)
    act(client, PREFERENCES, "switch_off", person)
    assert decision_for(person.pk).enabled


def test_a_list_of_people_reads_everybodys_decision_in_one_query(staff: Client) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(path).status_code == 200
        return len(captured)

    for path in (PREFERENCES, PEOPLE):
        someone_who_shares()
        few = queries(path)
        for _ in range(10):
            someone_who_shares()
        assert queries(path) == few
    assert "On. You switched this on on" in staff.get(PEOPLE).text


def test_the_ledger_can_be_read_and_searched_and_not_touched(staff: Client) -> None:
    person = someone_who_shares()
    other = someone_who_shares()
    gone = someone_who_shares()
    gone_id = gone.pk
    gone.delete()
    for word, found, not_found in (
        (person.username, person.username, other.username),
        (str(person.pk), person.username, other.username),
        (str(gone_id), f"{gone_id} (account deleted)", person.username),
    ):
        page = staff.get(LEDGER, {"q": word}).text.partition('id="result_list"')[2]
        assert found in page and not_found not in page
    assert "0 consent events" in staff.get(LEDGER, {"q": "nobody at all"}).text
    event = ConsentEvent.objects.filter(user_id=gone_id).first()
    assert event is not None
    assert staff.get(f"{LEDGER}{event.pk}/change/").status_code == 200
    for path in (f"{LEDGER}{event.pk}/change/", f"{LEDGER}{event.pk}/delete/", f"{LEDGER}add/"):
        assert staff.post(path, {"post": "yes"}).status_code == 403


def test_preferences_are_found_by_name_and_by_id(staff: Client) -> None:
    person, other = someone_who_shares(), someone_who_shares()
    for word in (person.username, str(person.pk)):
        page = staff.get(PREFERENCES, {"q": word}).text.partition('id="result_list"')[2]
        assert person.username in page and other.username not in page
    assert staff.get(PREFERENCES, {"q": str(uuid4())}).status_code == 200


def test_a_person_can_be_deleted_and_their_line_in_the_ledger_stays(staff: Client) -> None:
    person = someone_who_shares()
    pk = person.pk
    page = staff.post(f"{PEOPLE}{pk}/delete/", {"post": "yes"}, follow=True)
    assert page.status_code == 200 and not User.objects.filter(pk=pk).exists()
    assert not Preference.objects.filter(pk=pk).exists()
    stays = ConsentEvent.objects.filter(user_id=pk).values_list("action", flat=True)
    assert set(stays) == {Action.ENABLED, Action.ERASURE_REQUESTED}


def test_deleting_someones_telemetry_for_them(staff: Client, operator: User) -> None:
    person = a_person()
    store_rows(person)
    assert "Deletion requested for 1 person" in act(staff, PEOPLE, "delete_telemetry", person)
    event = ConsentEvent.objects.get(user_id=person.pk)
    assert (event.action, event.actor_id) == (Action.ERASURE_REQUESTED, operator.pk)
    assert sum(Erasure.objects.get().rows_deleted.values()) == 3


def test_publishing_a_notice_and_never_changing_it(staff: Client, operator: User) -> None:
    answer = staff.post(
        "/admin/privacy/privacynotice/add/", {"title": "New", "body": "Words", "confirmed": "yes"}, follow=True
    )
    assert answer.status_code == 200
    notice = PrivacyNotice.objects.get(version=2)
    assert (notice.title, notice.published_by) == ("New", operator)
    assert ConsentEvent.objects.get(action=Action.NOTICE_PUBLISHED).actor_id == operator.pk
    path = "/admin/privacy/privacynotice/2/"
    assert staff.post(f"{path}change/", {"title": "Other", "body": "Words"}).status_code == 403
    assert staff.post(f"{path}delete/", {"post": "yes"}).status_code == 403


def test_the_lock_in_the_admin(staff: Client, operator: User) -> None:
    person = someone_who_shares()
    path = "/admin/privacy/installationcontrol/1/change/"
    assert staff.post(path, {"locked": "on", "confirmed": "yes"}, follow=True).status_code == 200
    assert InstallationControl.objects.get().locked and not decision_for(person.pk).enabled
    assert staff.post(path, {"confirmed": "yes"}, follow=True).status_code == 200
    assert decision_for(person.pk).enabled
    events = ConsentEvent.objects.filter(user_id=None).order_by("recorded_at")
    assert [(event.action, event.actor_id) for event in events] == [
        (Action.LOCKED, operator.pk),
        (Action.UNLOCKED, operator.pk),
    ]


def hidden_fields(page: str) -> dict[str, str]:
    form = page.partition('id="content-main"')[2]
    return {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
        if name != "csrfmiddlewaretoken"
    }


def test_publishing_a_notice_asks_first_how_many_are_asked_again(staff: Client) -> None:
    for _ in range(2):
        a_person()
    a_person(is_active=False)
    path = "/admin/privacy/privacynotice/add/"
    page = staff.post(path, {"title": "New", "body": "<b>Words</b>\r\nand more", "_save": "Save"})
    assert (page.status_code, PrivacyNotice.objects.count()) == (200, 1)
    assert "Ask 3 people again?" in page.text and "&lt;b&gt;Words&lt;/b&gt;<br>and more" in page.text
    fields = hidden_fields(page.text)
    assert set(fields) == {"title", "body", "_save", "confirmed"}
    assert staff.post(path, fields).status_code == 302
    assert PrivacyNotice.objects.get(version=2).body == "<b>Words</b>\r\nand more"
    assert "This field is required" in staff.post(path, {"title": "New"}).text, "an incomplete form asks nothing"


def test_the_lock_asks_first_how_many_are_switched_off_and_on_again(staff: Client) -> None:
    person, other = someone_who_shares(), someone_who_shares()
    choices.choose(other.pk, enabled=False, source=Source.API, actor_id=other.pk)
    path = "/admin/privacy/installationcontrol/1/change/"
    page = staff.post(path, {"locked": "on"}).text
    assert "Switch 1 person off?" in page and decision_for(person.pk).enabled
    assert staff.post(path, hidden_fields(page)).status_code == 302
    assert not decision_for(person.pk).enabled
    page = staff.post(path, {}).text
    assert "Collect from 1 person again?" in page and not decision_for(person.pk).enabled
    assert staff.post(path, hidden_fields(page)).status_code == 302
    assert decision_for(person.pk).enabled
    assert staff.post(path, {}).status_code == 302, "nothing changes, so nothing is asked"


def test_nobody_is_shown_a_consequence_without_the_permission() -> None:
    viewer = a_person(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = signed_in(viewer)
    assert client.post("/admin/privacy/installationcontrol/1/change/", {"locked": "on"}).status_code == 403
    assert client.post("/admin/privacy/privacynotice/add/", {"title": "a", "body": "b"}).status_code == 403


def sections(page: str) -> list[tuple[str, bool]]:
    """Name of each section in the navigation, and whether it is the current one."""
    links = re.findall(r'<a href="[^"]*"( aria-current="page")?>([^<]*)</a>', page.partition('class="sections"')[2])
    return [(name, bool(current)) for current, name in links[:6]]


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/admin/analytics/reports/", "Reports"),
        ("/admin/analytics/reports/endpoints/", "Reports"),
        (PREFERENCES, "People and consent"),
        (LEDGER, "People and consent"),
        (PEOPLE, "People and consent"),
        ("/admin/privacy/privacynotice/add/", "Notices"),
        ("/admin/privacy/installationcontrol/1/change/", "Operator's lock"),
        ("/admin/analytics/reports/intake/", "Data quality"),
        ("/admin/analytics/ingesttally/", "Data quality"),
        ("/admin/analytics/installation/", "Installation"),
        ("/admin/", None),
    ],
)
def test_each_page_shows_its_section(staff: Client, path: str, current: str | None) -> None:
    names = ["Reports", "People and consent", "Notices", "Operator's lock", "Data quality", "Installation"]
    assert sections(staff.get(path).text) == [(name, name == current) for name in names]


def test_sections_that_one_may_not_see_are_left_out() -> None:
    clerk = a_person(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_privacynotice"))
    assert sections(signed_in(clerk).get("/admin/").text)[:1] == [("Notices", False)]
    assert 'class="sections"' not in Client().get("/admin/login/").text


def test_every_admin_page_opens(staff: Client) -> None:
    """The lists, a form of each, and the index."""
    person = someone_who_shares()
    store_rows(person)
    choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None)
    Erasure.objects.create(requested_at=timezone.now())
    index = staff.get("/admin/")
    assert index.status_code == 200
    for app in index.context["app_list"]:
        for model in app["models"]:
            page = staff.get(model["admin_url"])
            assert page.status_code == 200, model["admin_url"]
            shown = page.context["cl"].queryset.first()
            if shown is not None:
                assert staff.get(f"{model['admin_url']}{shown.pk}/change/").status_code == 200

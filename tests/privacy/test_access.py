"""What staff look at is recorded, append-only; taking it away needs a permission of its own and runs nothing."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.test import Client

from accounts.models import User
from privacy import choices
from privacy.models import Access, AccessEvent, ConsentEvent, Source
from tests.support.people import a_person, signed_in, someone_who_shares

pytestmark = pytest.mark.django_db
LEDGER, PREFERENCES, PEOPLE = "/admin/privacy/consentevent/", "/admin/privacy/preference/", "/admin/accounts/user/"
LOG = "/admin/privacy/accessevent/"


@pytest.fixture
def operator() -> User:
    return a_person(is_staff=True, is_superuser=True)


@pytest.fixture
def staff(operator: User) -> Client:
    return signed_in(operator)


def clerk(*codenames: str) -> Client:
    person = a_person(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return signed_in(person)


def newest() -> tuple[Any, ...]:
    event = AccessEvent.objects.order_by("-recorded_at")[0]
    return event.access, event.what, event.about_id, event.lines


def export(client: Client, path: str, *rows: Any, everything: bool = False, **query: str) -> Any:
    data = {"action": "export", "_selected_action": [str(row) for row in rows], "select_across": str(int(everything))}
    return client.post(path, data, query_params=query)


def lines_of(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_opening_a_persons_page_their_preference_or_a_line_about_them_is_recorded(
    staff: Client, operator: User
) -> None:
    person = someone_who_shares()
    event = ConsentEvent.objects.get(user=person)
    for path, what in (
        (f"{PEOPLE}{person.pk}/change/", "users"),
        (f"{PREFERENCES}{person.pk}/change/", "preferences"),
        (f"{LEDGER}{event.pk}/change/", "consent events"),
    ):
        assert staff.get(path).status_code == 200
        assert newest() == (Access.OPENED, what, person.pk, None)
    assert set(AccessEvent.objects.values_list("actor", flat=True)) == {operator.pk}


def test_a_search_is_recorded_without_its_words_and_with_the_person_it_found(staff: Client) -> None:
    person = someone_who_shares()
    someone_who_shares()
    assert staff.get(LEDGER).status_code == 200
    assert newest() == (Access.LISTED, "consent events", None, 2)
    staff.get(LEDGER, {"q": person.username})
    assert newest() == (Access.SEARCHED, "consent events", person.pk, 1)
    staff.get(LEDGER, {"q": "nobody at all"})
    assert newest() == (Access.SEARCHED, "consent events", None, 0)
    assert not any(person.username in str(list(row.values())) for row in AccessEvent.objects.values())


@pytest.mark.parametrize("path", [LEDGER, PREFERENCES, PEOPLE, LOG])
def test_what_cannot_be_recorded_is_not_shown(staff: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("privacy.recorded_admin.record", refuse)
    with pytest.raises(DatabaseError):
        staff.get(path)


def test_what_one_may_not_see_is_not_recorded_as_seen() -> None:
    assert clerk().get(LEDGER).status_code == 403
    assert Client().get(LEDGER).status_code == 302
    assert not AccessEvent.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy_access_event SET what = 'nothing'",
        "DELETE FROM privacy_access_event",
        "TRUNCATE privacy_access_event",
    ],
)
def test_the_log_is_append_only(staff: Client, statement: str) -> None:
    staff.get(LEDGER)
    with pytest.raises(ProgrammingError, match="privacy_access_event is append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert newest()[1] == "consent events"


def test_the_log_can_be_read_searched_and_filtered_and_not_touched(staff: Client) -> None:
    person, other = someone_who_shares(), someone_who_shares()
    gone = a_person()
    for each in (person, other, gone):
        staff.get(f"{PEOPLE}{each.pk}/change/")
    gone_id = gone.pk
    gone.delete()
    page = staff.get(LOG).text
    assert person.username in page and f"{gone_id} (account deleted)" in page
    for query in ({"q": person.username}, {"q": str(person.pk)}):
        found = staff.get(LOG, query).text.partition('id="result_list"')[2]
        assert person.username in found and other.username not in found
    assert staff.get(LOG, {"access__exact": "exported"}).context["cl"].result_count == 0
    event = AccessEvent.objects.all()[0]
    for path in (f"{LOG}{event.pk}/change/", f"{LOG}{event.pk}/delete/", f"{LOG}add/"):
        assert staff.post(path, {"post": "yes"}).status_code == 403


def test_the_ledger_as_csv_says_who_chose_what_when_from_where_and_on_which_notice(staff: Client) -> None:
    person = a_person()
    choices.note_notice_shown(person.pk, 1, browser_signal=False)
    choices.choose(person.pk, enabled=True, source=Source.SETTINGS_PAGE, actor_id=person.pk)
    event = ConsentEvent.objects.get(action="enabled")
    answer = export(staff, LEDGER, event.pk)
    assert answer["Content-Disposition"].startswith('attachment; filename="consentevent_')
    assert newest() == (Access.EXPORTED, "consent events", None, 1)
    header, line = lines_of(answer)
    assert ",".join(header) == "recorded_at,action,about,about_id,by,by_id,source,notice_version,organization_id"
    who = [person.username, str(person.pk)]
    assert line == [event.recorded_at.isoformat(), "enabled", *who, *who, "settings_page", "1", ""]


def test_an_export_of_everything_found_is_of_what_the_filter_found(staff: Client) -> None:
    people = [someone_who_shares() for _ in range(3)]
    choices.choose(people[0].pk, enabled=False, source=Source.API, actor_id=people[0].pk)
    chosen = ConsentEvent.objects.filter(action="enabled").values_list("pk", flat=True)[:1]
    answer = export(staff, LEDGER, *chosen, everything=True, action__exact="enabled")
    assert len(lines_of(answer)) == 1 + 3


def test_a_name_that_is_a_formula_is_not_run_by_a_spreadsheet(staff: Client) -> None:
    person = someone_who_shares()
    User.objects.filter(pk=person.pk).update(username="=HYPERLINK(A1)")
    _, line = lines_of(export(staff, LEDGER, ConsentEvent.objects.get(user=person).pk))
    assert line[2] == "'=HYPERLINK(A1)"


def test_staff_who_may_read_the_ledger_may_not_take_it_away() -> None:
    event = ConsentEvent.objects.get(user=someone_who_shares())
    reader = clerk("view_consentevent")
    assert reader.get(LEDGER).status_code == 200
    answer = export(reader, LEDGER, event.pk)
    assert not answer.streaming
    assert not AccessEvent.objects.filter(access=Access.EXPORTED).exists()
    exporter = clerk("view_consentevent", "export_consentevent")
    assert export(exporter, LEDGER, event.pk).streaming


def test_staff_who_may_read_the_ledger_see_neither_the_log_nor_peoples_pages() -> None:
    person = someone_who_shares()
    reader = clerk("view_consentevent")
    for path in (LOG, PREFERENCES, PEOPLE, f"{PEOPLE}{person.pk}/change/", "/admin/analytics/useractivity/"):
        assert reader.get(path).status_code == 403, path


def test_the_log_as_csv(staff: Client, operator: User) -> None:
    person = someone_who_shares()
    staff.get(f"{PEOPLE}{person.pk}/change/")
    event = AccessEvent.objects.get()
    _, line = lines_of(export(staff, LOG, event.pk))
    who = [operator.username, str(operator.pk)]
    about = [person.username, str(person.pk)]
    assert line == [event.recorded_at.isoformat(), *who, "opened", "users", *about, ""]

"""The ledger's hash chain: whatever an administrator of the database does to a line is found, and where."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from accounts.models import User
from privacy import choices
from privacy.chain import examine, text_of
from privacy.models import Action, ConsentEvent, LedgerHead, LedgerLink, Source
from tests.support.people import a_person, someone_who_shares

pytestmark = pytest.mark.django_db
ROW = "(id, action, source, recorded_at) VALUES (gen_random_uuid(), 'enabled', 'api', now())"


def commit() -> None:
    """What a commit does: the deferred triggers run."""
    connection.check_constraints()


@contextmanager
def without_triggers() -> Iterator[None]:
    """As the owner of the tables may write."""
    for word in ("DISABLE", "ENABLE"):
        for table in ("consent_event", "ledger_link", "ledger_head"):
            execute(f"ALTER TABLE privacy_{table} {word} TRIGGER USER")
        if word == "DISABLE":
            yield


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def tampered(statement: str) -> list[str]:
    with without_triggers():
        execute(statement)
    return examine().problems


@pytest.fixture(autouse=True)
def _five_lines() -> None:
    for _ in range(5):
        someone_who_shares()
    commit()


def at(number: int) -> str:
    return f"(SELECT event_id FROM privacy_ledger_link WHERE number = {number})"


def test_an_honest_ledger_is_intact_and_each_commit_moves_its_head() -> None:
    before = examine()
    assert before.problems == [] and before.lines == ConsentEvent.objects.count() == 5
    someone_who_shares()
    commit()
    after = examine(published=before.head)
    assert after.problems == [] and after.lines == 6 and after.head != before.head


def test_a_deleted_account_leaves_the_chain_as_it_is() -> None:
    head = examine().head
    User.objects.all().delete()
    commit()
    assert examine(published=head).problems == []


@pytest.mark.parametrize(
    "assignment",
    [
        "action = 'disabled'",
        "source = 'admin'",
        "user_id = gen_random_uuid()",
        "actor_id = NULL",
        "organization_id = 'x'",
        "notice_version = 7",
        "recorded_at = recorded_at + interval '1 microsecond'",
    ],
)
def test_a_changed_column_is_found_with_its_line(assignment: str) -> None:
    line = LedgerLink.objects.get(number=3).event_id
    assert tampered(f"UPDATE privacy_consent_event SET {assignment} WHERE id = {at(3)}") == [
        f"Line {line} at link 3 was changed, inserted or moved."
    ]


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_line_taken_out_is_found(number: int) -> None:
    line = LedgerLink.objects.get(number=number).event_id
    problems = tampered(f"DELETE FROM privacy_consent_event WHERE id = {at(number)}")
    assert problems == [f"Line {line} at link {number} was taken out."]


def test_a_line_taken_out_with_its_link_is_found() -> None:
    delete = f"DELETE FROM privacy_consent_event WHERE id = {at(3)}; DELETE FROM privacy_ledger_link WHERE number = 3"
    assert tampered(delete) == ["Links 3 to 3 were taken out."]


def test_lines_taken_out_at_the_end_are_found_by_the_head_and_with_the_head_by_the_published_one() -> None:
    published = examine().head
    lines = f"DELETE FROM privacy_consent_event WHERE id IN ({at(4)}, {at(5)})"
    links = "DELETE FROM privacy_ledger_link WHERE number > 3"
    assert tampered(f"{lines}; {links}") == ["The chain ends at link 3, but its head is link 5."]
    third = "SELECT number, hash FROM privacy_ledger_link WHERE number = 3"
    assert tampered(f"UPDATE privacy_ledger_head SET (number, hash) = ({third})") == []
    assert len(examine(published).problems) == 1


def test_a_ledger_emptied_with_its_links_is_found() -> None:
    assert tampered("DELETE FROM privacy_consent_event; DELETE FROM privacy_ledger_link") == [
        "The chain ends at link 0, but its head is link 5."
    ]


def test_a_line_inserted_past_the_trigger_is_found() -> None:
    [problem] = tampered(f"INSERT INTO privacy_consent_event {ROW}")
    assert "was inserted past the chain" in problem


def test_a_chain_rewritten_from_a_changed_line_on_is_found_by_a_published_head() -> None:
    published = examine().head
    rewrite = """
    DO $$ DECLARE link record; previous text; BEGIN
        SELECT hash INTO previous FROM privacy_ledger_link WHERE number = 2;
        FOR link IN SELECT * FROM privacy_ledger_link WHERE number > 2 ORDER BY number LOOP
            SELECT privacy_ledger_hash(previous, event) INTO previous FROM privacy_consent_event event
            WHERE id = link.event_id;
            UPDATE privacy_ledger_link SET hash = previous WHERE number = link.number;
        END LOOP;
        UPDATE privacy_ledger_head SET hash = previous;
    END $$"""
    assert tampered(f"UPDATE privacy_consent_event SET action = 'disabled' WHERE id = {at(3)}; {rewrite}") == []
    assert examine(published).problems == [
        "The published head is not in the chain: lines were taken out, or all were rewritten."
    ]


def test_a_line_by_plain_sql_is_chained_like_any_other() -> None:
    execute(f"INSERT INTO privacy_consent_event {ROW}")
    commit()
    assert examine().problems == [] and examine().lines == 6


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO privacy_ledger_link VALUES (6, gen_random_uuid(), repeat('0', 64))",
        "UPDATE privacy_ledger_link SET hash = ''",
        "DELETE FROM privacy_ledger_link",
        "TRUNCATE privacy_ledger_link",
        "UPDATE privacy_ledger_head SET number = 3",
        "DELETE FROM privacy_ledger_head",
        "TRUNCATE privacy_ledger_head",
    ],
)
def test_nobody_writes_the_chain_by_hand(statement: str) -> None:
    with pytest.raises(ProgrammingError, match="is refused"), transaction.atomic():
        execute(statement)


def test_the_text_of_a_line_is_the_databases_own() -> None:
    """Python computes the hash without the database's functions, which an administrator could replace."""
    odd = 'a"\\/\x7f\x1f\n\t\b\f\r é😀 </b>'
    moment = datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT json_build_array(%s::text)::text", [odd])
        assert json.dumps([odd], ensure_ascii=False) == cursor.fetchone()[0]
    ConsentEvent.objects.create(
        organization_id=odd,
        actor_id=uuid4(),
        action=Action.LOCKED,
        source=Source.API,
        notice_version=3,
        recorded_at=moment,
    )
    commit()
    assert examine().problems == []
    assert text_of([None, 3, moment]) == '[null, 3, "2026-01-02T03:04:05.000060Z"]'


def test_the_command_prints_the_head_and_one_line_for_each_finding(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_ledger")
    assert capsys.readouterr().out == f"Intact: 5 lines. Head: {LedgerHead.objects.get().hash}\n"
    with without_triggers():
        execute(f"DELETE FROM privacy_consent_event WHERE id IN ({at(2)}, {at(4)})")
    with pytest.raises(CommandError) as caught:
        call_command("verify_ledger")
    assert caught.value.returncode == 1 and len(str(caught.value).splitlines()) == 2
    with pytest.raises(CommandError) as caught:
        call_command("verify_ledger", head="abc")
    assert caught.value.returncode == 2


def switch_on(person: User) -> None:
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)


def at_once(work: Callable[[User], None], people: list[User]) -> None:
    """`work` for each person in a thread and a connection of its own."""

    def run(person: User) -> None:
        try:
            work(person)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(run, people))


@pytest.mark.django_db(transaction=True)
def test_choices_made_at_once_are_one_chain() -> None:
    def choose(person: User) -> None:
        for enabled in (True, False, True):
            choices.choose(person.pk, enabled=enabled, source=Source.API, actor_id=person.pk)

    at_once(choose, [a_person() for _ in range(4)])
    found = examine()
    assert found.problems == [] and found.lines == ConsentEvent.objects.count() == 5 + 12


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_has_written_a_line_and_goes_on_holds_nobody_up() -> None:
    person, other = a_person(), a_person()
    with transaction.atomic():
        switch_on(person)
        at_once(switch_on, [other])
        newest = LedgerLink.objects.latest("number").event_id
        assert newest == ConsentEvent.objects.get(user_id=other.pk).pk
    assert examine().problems == []

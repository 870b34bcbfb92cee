"""`manage.py telemetry_doctor`: installations that are broken in one way each, and one that is sound."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.acceptance.product import free_port
from tests.support.collectors import answers, http_collector
from tests.support.databases import Scratch, manage, scratch_database
from tests.support.processor import processor_on

AWAY = "postgres://nobody:hidden-word@127.0.0.1:9/none"
A_PENDING_ERASURE = """
INSERT INTO privacy_pending_erasure (id, user_id, salt, requested_at)
VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now());
"""


@pytest.fixture(scope="module")
def template(django_db_setup: None) -> Iterator[Scratch]:
    """A migrated database, kept a moment ago."""
    with scratch_database() as scratch:
        for words in (["migrate", "-v0"], ["keep_telemetry"]):
            done = scratch.manage(*words)
            assert done.returncode == 0, done.stderr
        yield scratch


@pytest.fixture
def installation(template: Scratch) -> Iterator[Scratch]:
    with scratch_database(template.name) as scratch:
        yield scratch


def examined(outcome: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    """The findings; on the way, what holds of every run."""
    assert "Traceback" not in outcome.stderr and "hidden-word" not in outcome.stdout + outcome.stderr, outcome.stderr
    found = [json.loads(line) for line in outcome.stdout.splitlines()]
    worst = max(["well", "look", "broken"].index(each["level"]) for each in found)
    assert outcome.returncode == worst
    for each in found:
        assert each["what"] and (each["level"] == "well" or each["do"]), each
    return found


def wrong(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["level"], each["topic"], each["what"]) for each in found if each["level"] != "well"]


def test_a_sound_installation_is_called_sound(installation: Scratch) -> None:
    with processor_on(installation.url) as port:
        before = everything_in(installation)
        outcome = installation.manage(
            "telemetry_doctor",
            "--json",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        )
        found = examined(outcome)
    assert wrong(found) == [] and outcome.returncode == 0
    topics = ["settings", "database", "switches", "clock", "partitions", "keeping", "rollups", "sent", "received"]
    assert [each["topic"] for each in found] == [*topics, "deletions", "endpoint", "test span", "disk", "versions"]
    [about_the_span] = [each["what"] for each in found if each["topic"] == "test span"]
    assert about_the_span.startswith("stored after ")
    assert everything_in(installation) == before, "neither a row nor a count is left of the test span"


def test_a_collector_that_discards_what_it_accepts_is_broken(installation: Scratch) -> None:
    with http_collector(answers()) as discarding:
        outcome = installation.manage("telemetry_doctor", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=discarding.url)
    [(level, topic, what)] = wrong(examined(outcome))
    assert (level, topic) == ("broken", "test span") and "but not stored within" in what


@dataclass
class Broken:
    """What breaks it, and the finding it must have."""

    name: str
    level: str
    topic: str
    says: str
    sql: str = ""
    environment: dict[str, str] = field(default_factory=dict)


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
BROKEN = [
    Broken("wrong setting", "broken", "settings", "privacy.E001", environment={"DEPLOYMENT_TYPE": "clown"}),
    Broken("misspelt variable", "look", "settings", "site.W001", environment={"TELEMETRY_HASHKEY": "hidden-word"}),
    Broken("site's database away", "broken", "database", "no server listens there", environment={"DATABASE_URL": AWAY}),
    Broken(
        "telemetry's database away",
        "broken",
        "database analytics",
        "no server listens there (SQLSTATE 08001) at 127.0.0.1:9",
        environment={"ANALYTICS_DATABASE_URL": AWAY},
    ),
    Broken(
        "unknown host",
        "broken",
        "database analytics",
        "the host name is unknown",
        environment={"ANALYTICS_DATABASE_URL": "postgres://me:hidden-word@nowhere.invalid/none"},
    ),
    Broken(
        "half migrated",
        "broken",
        "database",
        "1 migrations are not applied, the first is privacy.",
        sql="""
            DELETE FROM django_migrations
            WHERE id = (SELECT max(id) FROM django_migrations WHERE app = 'privacy')
        """,
    ),
    Broken("lost table", "broken", "database", "analytics_erasure", sql="DROP TABLE analytics_erasure CASCADE"),
    Broken("switched off", "look", "switches", "DO_NOT_TRACK", environment={"DO_NOT_TRACK": "1", **ENDPOINT}),
    Broken("no endpoint", "look", "switches", "OTEL_EXPORTER_OTLP_ENDPOINT is empty"),
    Broken(
        "locked",
        "look",
        "switches",
        "staff have stopped collecting for everyone",
        sql="UPDATE privacy_installation_control SET locked = true",
        environment=ENDPOINT,
    ),
    Broken("nobody at the endpoint", "broken", "endpoint", "unreachable", environment=ENDPOINT),
    Broken(
        "no months ahead",
        "look",
        "partitions",
        "missing",
        sql="""
            DO $$ DECLARE part regclass; BEGIN
                FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'analytics_feature_usage'::regclass
                LOOP EXECUTE format('DROP TABLE %s', part); END LOOP;
            END $$
        """,
    ),
    Broken("never kept", "look", "keeping", "never finished", sql="UPDATE analytics_keeping SET kept_at = NULL"),
    Broken(
        "not kept for days",
        "look",
        "keeping",
        "last finished on",
        sql="UPDATE analytics_keeping SET kept_at = now() - interval '3 days'",
    ),
    Broken(
        "rollups behind",
        "look",
        "rollups",
        "1 days have rows that no report counts yet",
        sql="INSERT INTO analytics_touched_day (day) VALUES (current_date - 4)",
    ),
    Broken(
        "a deletion nobody acknowledged",
        "look",
        "deletions",
        "1 have waited for more than a day",
        sql="""
            INSERT INTO analytics_erasure (id, requested_at, rows_deleted)
            VALUES (gen_random_uuid(), now() - interval '2 days', '{}')
        """,
    ),
    Broken("a noted deletion", "look", "deletions", "1 were requested while", sql=A_PENDING_ERASURE),
    Broken(
        "a queue that was full",
        "look",
        "sent",
        "7 spans since yesterday: dropped (queue_full)",
        sql="""
            INSERT INTO analytics_export_tally (day, outcome, reason, spans)
            VALUES (current_date, 'dropped', 'queue_full', 7)
        """,
    ),
    Broken(
        "rejected spans",
        "look",
        "received",
        "9 spans of checkout since yesterday were rejected: bad_http",
        sql="""
            INSERT INTO analytics_ingest_tally (day, slot, outcome, reason, sender, spans)
            VALUES (current_date, 0, 'rejected', 'bad_http', 'checkout', 9)
        """,
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_what_is_broken_is_named(broken: Broken, installation: Scratch) -> None:
    if broken.sql:
        with installation.connect() as connection:
            connection.execute(broken.sql)  # type: ignore[call-overload]
    found = examined(installation.manage("telemetry_doctor", "--json", **broken.environment))
    assert any(
        (level, topic) == (broken.level, broken.topic) and broken.says in what for level, topic, what in wrong(found)
    ), found


def test_a_person_asks_why_nothing_of_theirs_is_recorded(installation: Scratch) -> None:
    made = "from accounts.models import User; User.objects.create_user('jane')"
    assert installation.manage("shell", "-c", made).returncode == 0
    outcome = installation.manage("telemetry_doctor", "--user", "jane", DEPLOYMENT_TYPE="self_hosted", **ENDPOINT)
    assert "well   person: Off. A self-hosted site shares nothing unless you switch it on (self_hosted_default)" in (
        outcome.stdout
    )
    unknown = installation.manage("telemetry_doctor", "--user", "nobody")
    assert unknown.returncode == 2 and unknown.stderr.count("\n") == 1 and "no such user" in unknown.stderr


def test_a_person_cannot_be_looked_up_where_the_database_is_away() -> None:
    outcome = manage("telemetry_doctor", "--json", "--user", "jane", DATABASE_URL=AWAY)
    assert {"database", "person"} <= {topic for _, topic, _ in wrong(examined(outcome))}


def test_the_lines_say_what_is_wrong_what_it_means_and_what_to_do(installation: Scratch) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    outcome = installation.manage("telemetry_doctor", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith("BROKEN")]
    assert line.startswith(
        f"BROKEN endpoint: {endpoint} (http/protobuf) does not accept an empty request: unreachable. "
    )
    assert "No usage data arrives. Start it" in line


def everything_in(installation: Scratch) -> dict[str, list[str]]:
    with installation.connect() as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            name: sorted(map(str, connection.execute(f'SELECT * FROM "{name}"').fetchall()))  # type: ignore[call-overload]
            for (name,) in names
        }


def test_the_doctor_changes_nothing(installation: Scratch) -> None:
    before = everything_in(installation)
    installation.manage("telemetry_doctor")
    assert everything_in(installation) == before

"""/metrics for Prometheus, and the doctor's findings as a staff page."""

import json
import re
from pathlib import Path

import pytest
import yaml
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from accounts.models import User
from analytics.models import Erasure, ExportTally, IngestTally
from tests.deploy.image import DEPLOY

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-prometheus"
PROMETHEUS = DEPLOY / "prometheus"


def measured(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Value by sample name and label values."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200 and answer["Cache-Control"]
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.fixture
def with_token(settings: Settings) -> None:
    settings.TELEMETRY_METRICS_TOKEN = TOKEN


def test_without_a_token_in_the_settings_there_are_no_metrics(client: Client) -> None:
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer another", TOKEN, f"Basic {TOKEN}", "Bearer \xe4"])
def test_a_request_without_the_token_is_refused(with_token: None, client: Client, given: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": given} if given else {})
    assert answer.status_code == 401 and answer["WWW-Authenticate"] == "Bearer"


def test_only_reading_is_allowed(with_token: None, client: Client) -> None:
    assert client.post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_counts_of_every_process_are_measured(with_token: None, client: Client) -> None:
    ExportTally.objects.create(day="2026-05-01", outcome="sent", reason="", spans=7)
    ExportTally.objects.create(day="2026-05-02", outcome="sent", reason="", spans=5)
    ExportTally.objects.create(day="2026-05-02", outcome="dropped", reason="queue_full", spans=2)
    for slot in (1, 2):
        IngestTally.objects.create(
            day="2026-05-02", slot=slot, outcome="rejected", reason="bad_user", sender="shop", spans=3
        )
    Erasure.objects.create(requested_at="2026-05-01T00:00Z")

    found = measured(client)

    assert found["rhesis_spans_recorded_total", ("sent", "")] == 12
    assert found["rhesis_spans_recorded_total", ("dropped", "queue_full")] == 2
    assert found["rhesis_spans_received_total", ("rejected", "bad_user", "shop")] == 6
    assert found["rhesis_deletions_overdue", ()] == 1
    assert found["rhesis_database_readable", ("default",)] == found["rhesis_database_readable", ("telemetry",)] == 1
    assert found["rhesis_keep_last_success_timestamp_seconds", ()] == 0


def test_a_database_that_does_not_answer_is_a_measurement_and_not_an_error(
    with_token: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise OperationalError

    monkeypatch.setattr("analytics.doctor.measurements.overdue_deletions", away)
    found = measured(client)

    assert found["rhesis_database_readable", ("telemetry",)] == 0
    assert found["rhesis_database_readable", ("default",)] == 1
    assert ("rhesis_deletions_pending", ()) in found and ("rhesis_partitions_missing", ()) not in found


def _names_in(file: Path) -> set[str]:
    return set(re.findall(r"\brhesis_[a-z_]+", file.read_text()))


@pytest.mark.parametrize("file", ["telemetry.rules.yaml", "grafana.json"])
def test_rules_and_dashboard_use_only_what_is_measured(with_token: None, client: Client, file: str) -> None:
    ExportTally.objects.create(day="2026-05-01", outcome="sent", reason="", spans=7)
    IngestTally.objects.create(day="2026-05-02", slot=1, outcome="stored", reason="", sender="", spans=3)
    measurements = {name for name, _ in measured(client)}
    used = _names_in(PROMETHEUS / file)
    assert used and used <= measurements


def test_every_alert_fires_in_the_rules_own_test() -> None:
    rules = yaml.safe_load((PROMETHEUS / "telemetry.rules.yaml").read_text())["groups"][0]["rules"]
    first = yaml.safe_load((PROMETHEUS / "telemetry.rules.test.yaml").read_text())["tests"][0]
    assert first["promql_expr_test"][0]["exp_samples"] == [{"value": len(rules)}]


def test_the_dashboard_has_a_title_and_a_question_in_every_panel() -> None:
    dashboard = json.loads((PROMETHEUS / "grafana.json").read_text())
    assert all(panel["title"] and panel["targets"] for panel in dashboard["panels"])


@pytest.fixture
def staff(client: Client) -> Client:
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    names = ["view_useractivity", "view_endpointusage", "view_featureusage"]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(viewer)
    return client


def test_the_page_shows_the_findings_the_worst_first(staff: Client) -> None:
    page = staff.get("/admin/analytics/installation/").content.decode()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is empty" in page and "keep_telemetry has never finished" in page
    assert page.index("keep_telemetry has never finished") < page.index("PostgreSQL 18 answers")
    assert "Something needs a look." in page or "Something is broken." in page


def test_staff_without_the_right_to_reports_may_not_see_the_page(client: Client) -> None:
    client.force_login(User.objects.create_user("other", password="x", is_staff=True))
    assert client.get("/admin/analytics/installation/").status_code == 403

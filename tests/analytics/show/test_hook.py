"""The web hook of alerts: signed, posted once, with bounds, and never to an address that is not allowed."""

import hmac
import json
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Alert, IngestTally
from analytics.show import alerts, hook
from analytics.show.alerts import Told, send_alerts
from privacy.models import Access, AccessEvent
from tests.support.hooks import Hook, web_hook

pytestmark = pytest.mark.django_db(databases="__all__")
KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def hooked(settings: Settings) -> Iterator[Hook]:
    """A hook on loopback, which is allowed, and an alert to post."""
    for outcome, spans in (("stored", 5_000), ("rejected", 5_000)):
        IngestTally.objects.create(day=timezone.now().date(), slot=0, outcome=outcome, reason="undeclared", spans=spans)
    with web_hook() as server:
        settings.TELEMETRY_ALERT_HOOK = server.address
        settings.TELEMETRY_ALERT_HOOK_SECRET = f"whsec_{b64encode(KEY).decode()}"
        settings.TELEMETRY_ALERT_HOOK_PRIVATE = "true"
        yield server


def later(how_long: timedelta = timedelta(days=1)) -> None:
    """As if the last attempt had been so long ago."""
    Alert.objects.update(hook_tried_at=timezone.now() - how_long)


def test_an_alert_is_posted_once_and_its_signature_is_that_of_standard_webhooks(hooked: Hook) -> None:
    assert [send_alerts(is_kept=True) for _ in range(2)] == [Told(sent=1), Told()]
    ((headers, body),) = hooked.received
    alert = Alert.objects.get()
    signed = f"{alert.pk}.{headers['webhook-timestamp']}.".encode() + body
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1" and b64decode(signature) == hmac.digest(KEY, signed, "sha256")
    assert headers["webhook-id"] == str(alert.pk)
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    assert json.loads(body) == {
        "type": "alert",
        "timestamp": alert.began_at.isoformat(),
        "data": {"kind": "rejected", "title": "Rejected data", "text": alert.text},
    }
    assert list(AccessEvent.objects.values_list("actor_id", "access", "what")) == [
        (None, Access.EXPORTED, "alert by web hook")
    ]


@pytest.mark.parametrize("status", [500, 404, 302, 307])
def test_a_hook_that_answers_otherwise_is_tried_again_later_and_no_redirect_is_followed(
    hooked: Hook, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    hooked.status = status
    assert [send_alerts(is_kept=True) for _ in range(3)] == [Told(failed=1), Told(), Told()]
    assert len(hooked.received) == 1
    assert f"The alert hook failed: it answered with status {status}" in caplog.text
    assert "127.0.0.1" not in caplog.text
    later()
    hooked.status = 200
    assert [send_alerts(is_kept=True) for _ in range(2)] == [Told(sent=1), Told()]
    assert {headers["webhook-id"] for headers, _ in hooked.received} == {str(Alert.objects.get().pk)}


def test_attempts_become_rarer_and_end(hooked: Hook, caplog: pytest.LogCaptureFixture) -> None:
    hooked.status = 500
    for failures in range(1, alerts.MOST_HOOK_FAILURES + 1):
        assert send_alerts(is_kept=True) == Told(failed=1)
        assert Alert.objects.get().hook_failures == failures
        pause = timedelta(minutes=min(2 ** (failures - 1), 60))
        later(pause - timedelta(seconds=5))
        assert send_alerts(is_kept=True) == Told()
        later(pause)
    assert "Given up after 30 tries" in caplog.text
    hooked.status = 200
    assert send_alerts(is_kept=True) == Told(), "it was given up"
    assert len(hooked.received) == alerts.MOST_HOOK_FAILURES


@pytest.mark.parametrize("drips", [True, False])
def test_a_hook_that_hangs_or_drips_is_left(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, drips: bool
) -> None:
    monkeypatch.setattr(hook, "PATIENCE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, web_hook(drips=True) as dripping:
        settings.TELEMETRY_ALERT_HOOK = dripping.address if drips else f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert send_alerts(is_kept=True) == Told(failed=1)
    assert "The alert hook failed: no answer within 0.3 seconds" in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused_where_it_connects(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", (address, 443))])
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connected"))
    settings.TELEMETRY_ALERT_HOOK = "https://hook.example/"
    settings.TELEMETRY_ALERT_HOOK_PRIVATE = "false"
    with pytest.raises(hook.NotPosted, match="private, loopback or link-local"):
        hook.post("id", {})


def test_plain_http_to_a_public_address_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connected"))
    settings.TELEMETRY_ALERT_HOOK = "http://hook.example/"
    with pytest.raises(hook.NotPosted, match="use https"):
        hook.post("id", {})


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("https://127.0.0.1:1/", "the connection failed \\(ConnectionRefusedError\\)"),
        ("https://no-such-host.invalid/", "the name of its host is not known"),
        ("https://" + "a" * 63 + ".invalid/", "the name of its host is not known"),
    ],
)
def test_a_hook_that_is_away_has_a_cause(settings: Settings, address: str, cause: str) -> None:
    settings.TELEMETRY_ALERT_HOOK = address
    with pytest.raises(hook.NotPosted, match=cause):
        hook.post("id", {})


def test_without_its_secret_nothing_is_posted_and_a_check_says_so(settings: Settings, hooked: Hook) -> None:
    assert not _found()
    settings.TELEMETRY_ALERT_HOOK_SECRET = ""
    assert send_alerts(is_kept=True) == Told() and not hooked.received and _found() == ["analytics.E054"]
    settings.TELEMETRY_ALERT_HOOK_SECRET = "whsec_c2hvcnQ="
    assert send_alerts(is_kept=True) == Told() and not hooked.received and _found() == ["analytics.E052"]


def _found() -> list[Any]:
    return [each.id for each in run_checks(tags=["analytics"]) if "TELEMETRY_ALERT_HOOK" in each.msg]

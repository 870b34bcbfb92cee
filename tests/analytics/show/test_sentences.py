"""The sentences that a person reads about their rows."""

from typing import Any

import pytest

from analytics.catalogue import current_catalogue
from analytics.show.sentences import of_row
from analytics.vocabulary import Category


def feature(name: str, action: str, **metadata: Any) -> dict[str, Any]:
    return {"feature_name": name, "action": action, "metadata": metadata}


def request(status_code: int, duration_ms: float) -> dict[str, Any]:
    return {"endpoint": "/a/", "method": "GET", "status_code": status_code, "duration_ms": duration_ms}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (request(200, 68.04), "Page answered in 68\xa0ms"),
        (request(302, 4321.0), "Page answered in 4,321\xa0ms"),
        (request(404, 0.2), "Page refused with status 404 in 0.2\xa0ms"),
        (request(503, 12.0), "Page failed with status 503 after 12\xa0ms"),
        (request(0, 12.0), "Page failed after 12\xa0ms"),
        ({"event_type": "login", "metadata": {"method": "single_sign_on"}}, "Signed in, method single sign on"),
        ({"event_type": "session_end", "metadata": {"duration_s": 725.0}}, "Ended a session, 12\xa0min 5\xa0s"),
        ({"event_type": "seat_change", "metadata": {}}, "Seat change"),
        (feature("privacy_settings", "viewed"), "Opened Settings → Privacy"),
        (feature("page_view", "viewed", route="/test-sets/:id"), "Opened a page, /test-sets/:id"),
        (feature("test_set", "created", test_count=25, test_id="00000000"), "Created a test set, 25 tests"),
        (feature("test_set", "created", test_count=1, generated=True), "Created a test set, 1 test, generated"),
        (feature("endpoint", "deleted", protocol="rest"), "Deleted an endpoint, protocol rest"),
    ],
)
def test_a_row_is_a_sentence(row: dict[str, Any], sentence: str) -> None:
    assert of_row(row) == sentence


def test_every_declared_event_has_a_sentence_without_underscores() -> None:
    catalogue = current_catalogue()
    rows = [{"event_type": event.name, "metadata": {}} for event in catalogue.of(Category.USER_ACTIVITY)]
    rows += [feature(event.name, action) for event in catalogue.of(Category.FEATURE_USAGE) for action in event.actions]
    assert all((sentence := of_row(row))[0].isupper() and "_" not in sentence for row in rows)

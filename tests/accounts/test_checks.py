"""Each numbered error of accounts."""

import pytest
from django.core.checks import run_checks
from django.test import override_settings


@pytest.mark.parametrize("word", ["10", "0/hour", "10/fortnight", "-1/day", "ten/hour"])
@pytest.mark.parametrize(
    ("setting", "number"),
    [("SIGN_IN_FAILURES_PER_ACCOUNT", "accounts.E001"), ("SIGN_IN_FAILURES_PER_ADDRESS", "accounts.E002")],
)
def test_a_rate_that_is_none(setting: str, number: str, word: str) -> None:
    with override_settings(**{setting: word}):
        errors = [message for message in run_checks(tags=["accounts"]) if message.id == number]
    assert len(errors) == 1 and setting in errors[0].msg


def test_hours_that_are_none() -> None:
    with override_settings(SESSION_TOKEN_HOURS="0"):
        assert [message.id for message in run_checks(tags=["accounts"])] == ["accounts.E003"]

"""Each numbered error of the switches, by the word that causes it."""

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from privacy.switches import DeploymentType, deployment_type


@pytest.mark.parametrize(
    ("setting", "word", "number"),
    [
        ("DEPLOYMENT_TYPE", "clown", "privacy.E001"),
        ("DO_NOT_TRACK", "perhaps", "privacy.E002"),
        ("OTEL_SDK_DISABLED", "perhaps", "privacy.E003"),
    ],
)
def test_a_word_that_is_not_understood_is_an_error_that_names_the_variable(
    setting: str, word: str, number: str
) -> None:
    with override_settings(**{setting: word}):
        errors = [message for message in run_checks() if message.id == number]
    assert len(errors) == 1 and setting in errors[0].msg


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_a_blank_word_counts_as_unset(blank: str) -> None:
    names = ("DEPLOYMENT_TYPE", "DO_NOT_TRACK", "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT")
    with override_settings(**dict.fromkeys(names, blank)):
        assert run_checks(tags=["privacy"]) == []
        assert deployment_type() is DeploymentType.SELF_HOSTED


def test_a_fresh_installation_has_nothing_to_complain_of() -> None:
    assert run_checks(tags=["privacy", "analytics", "accounts"]) == []

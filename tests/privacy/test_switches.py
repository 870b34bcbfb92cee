"""Words of the environment, each read in the way that collects less when it is not understood."""

from dataclasses import replace

import pytest
from django.test import override_settings

from privacy.declared import Setting
from privacy.kinds import Misread
from privacy.switches import SETTINGS, DeploymentType, current_switches, deployment_type, parse_deployment_type


@pytest.mark.parametrize("word", ["self_hosted", "self-hosted", " SELF_HOSTED ", "Self-Hosted"])
def test_self_hosted_has_two_spellings(word: str) -> None:
    assert parse_deployment_type(word) is DeploymentType.SELF_HOSTED


@pytest.mark.parametrize("word", ["", "clown", "cloud self_hosted"])
def test_an_unknown_deployment_type_counts_as_the_one_that_is_off_by_default(word: str) -> None:
    assert parse_deployment_type(word) is None
    with override_settings(DEPLOYMENT_TYPE=word):
        assert deployment_type() is DeploymentType.SELF_HOSTED


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "on", "maybe", "flase", " 2 ", True])
def test_only_a_clear_no_leaves_collection_running(word: object) -> None:
    with override_settings(DO_NOT_TRACK=word, OTEL_SDK_DISABLED=word):
        assert current_switches().do_not_track and current_switches().sdk_disabled


@pytest.mark.parametrize("word", ["", "  ", None, False, "0", "false", "No", " off "])
def test_a_clear_no(word: object) -> None:
    with override_settings(DO_NOT_TRACK=word, OTEL_SDK_DISABLED=word):
        assert not current_switches().do_not_track and not current_switches().sdk_disabled


@pytest.mark.parametrize(
    "value", ["none", " None ", "otlp, none", "'none'", '"none"', "'otlp,none'", b"none", {"none"}, ("none",)]
)
def test_no_exporter_of_traces_is_an_off_switch_however_it_is_written(value: object) -> None:
    with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_TRACES_EXPORTER=value):
        assert not current_switches().allow


@pytest.mark.parametrize("switch", [each for each in SETTINGS if each.off_switch], ids=lambda switch: switch.name)
def test_an_off_switch_that_cannot_be_read_is_off(switch: Setting[bool]) -> None:
    def unread(_: str) -> bool:
        raise Misread("is not understood")

    assert replace(switch, parse=unread).value is True


@pytest.mark.parametrize("blank", ["", " ", None, [], ()])
@pytest.mark.parametrize(
    ("name", "off"),
    [("DO_NOT_TRACK", "1"), ("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_CONFIG_FILE", "x")],
)
def test_a_blank_off_switch_leaves_the_one_of_the_environment(
    blank: object, name: str, off: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **{name: blank}):
        monkeypatch.delenv(name, raising=False)
        assert current_switches().allow
        monkeypatch.setenv(name, off)
        assert not current_switches().allow


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/?a=b", "http://127.0.0.1:9/#a"])
def test_an_address_that_no_path_can_be_added_to_collects_nothing(address: str) -> None:
    with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT=address):
        assert not current_switches().allow


@pytest.mark.parametrize(
    "settings",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "   "},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "telemetry.rhesis.ai"},
        {"OTEL_SDK_DISABLED": "true"},
        {"DO_NOT_TRACK": "1"},
    ],
)
def test_any_switch_alone_keeps_telemetry_off(settings: dict[str, str]) -> None:
    with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"):
        assert current_switches().allow
        with override_settings(**settings):
            assert not current_switches().allow

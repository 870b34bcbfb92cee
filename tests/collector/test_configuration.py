"""The committed configurations, as the real collector judges them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from analytics.ingest.serve import LARGEST_MESSAGE_BYTES
from tools import collector

GATEWAY = {
    "COLLECTOR_PROCESSOR": "processors.example:4317",
    "OTEL_API_KEY": "a key",
    "COLLECTOR_TLS_CERTIFICATE": "certificate.pem",
    "COLLECTOR_TLS_KEY": "key.pem",
    "COLLECTOR_SENDERS": "senders.txt",
    "COLLECTOR_PUBLIC_KEY": "another key",
}


def validated(name: str, folder: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(collector.binary()), "validate", *collector.configuration(name, *more)],
        env={"PATH": os.environ["PATH"], "COLLECTOR_QUEUE": str(folder / "queue"), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_machine_needs_no_variable_at_all(tmp_path: Path) -> None:
    outcome = validated("one-machine", tmp_path)

    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_the_gateway_is_valid_with_what_it_must_be_told(tmp_path: Path) -> None:
    for more in ("senders", "public"):
        outcome = validated("gateway", tmp_path, more, **GATEWAY)

        assert outcome.returncode == 0, outcome.stderr


def test_the_gateway_does_not_start_before_it_is_decided_who_may_send(tmp_path: Path) -> None:
    outcome = validated("gateway", tmp_path, **GATEWAY)

    assert outcome.returncode == 1 and "bearertokenauth" in outcome.stderr


@pytest.mark.parametrize(
    "missing", ["COLLECTOR_PROCESSOR", "COLLECTOR_TLS_CERTIFICATE", "COLLECTOR_TLS_KEY", "COLLECTOR_SENDERS"]
)
def test_the_gateway_does_not_start_without(missing: str, tmp_path: Path) -> None:
    given = {name: GATEWAY[name] for name in GATEWAY if name != missing}
    outcome = validated("gateway", tmp_path, "senders", **given)

    assert outcome.returncode == 1
    complaints = ("endpoint", "TLS configuration must include", "either `filename` or", "no bearer token")
    assert any(each in outcome.stderr for each in complaints), outcome.stderr


@pytest.mark.parametrize("name", ["one-machine", "gateway"])
def test_every_variable_is_explained(name: str) -> None:
    text = (collector.FOLDER / f"{name}.yaml").read_text()
    explained = (collector.FOLDER / "README.md").read_text()

    variables = {piece.partition(":-")[0].partition("}")[0] for piece in text.split("${env:")[1:]}

    assert len(variables) > 5
    assert {variable for variable in variables if f"`{variable}`" not in explained} == set()


@pytest.mark.parametrize("name", ["one-machine", "gateway"])
def test_the_collector_takes_as_much_as_the_processor_and_the_documents_have_the_same_limit(name: str) -> None:
    text = (collector.FOLDER / f"{name}.yaml").read_text()
    documents = (Path(__file__).parents[2] / "docs/ingest.md").read_text()
    mebibytes = LARGEST_MESSAGE_BYTES // 2**20

    assert re.findall(r"max_recv_msg_size_mib: (\d+)", text) == [str(mebibytes)]
    assert re.findall(r"max_request_body_size: (\d+)", text) == [str(LARGEST_MESSAGE_BYTES)]
    assert int(re.findall(r" max_size: (\d+)", text)[0]) < LARGEST_MESSAGE_BYTES
    assert set(re.findall(r"(\d+) MiB", documents)) == {str(mebibytes)}

"""The shipped alerts see what the collector's health does not: that its queue or its disk is full."""

import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.acceptance.product import wait_until
from tests.collector.parts import LOOPBACK, Collector
from tests.collector.spans import of_test_run, request
from tests.deploy.image import DEPLOY
from tools import collector

RULES = DEPLOY / "prometheus" / "collector.rules.yaml"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
PERSON = "5f0c4d7e-0000-8000-8000-000000000001"
SMALL_FILE_BYTES = 256 * 1024
SMALL_QUEUE = """
exporters:
  otlp_grpc:
    sending_queue:
      queue_size: 30000
      batch: { min_size: 1000, max_size: 20000 }
"""
Samples = dict[str, float]


class Limited(Collector):
    """With a small queue, or on a disk that takes no large file (the system's answer is an error, as of a full one)."""

    def __init__(self, folder: Path, *, processor_port: int, queue: bool = False, disk: bool = False) -> None:
        super().__init__(folder, processor_port=processor_port)
        self._disk = disk
        self._more = folder / "more.yaml"
        self._more.write_text(SMALL_QUEUE if queue else "exporters: {}\n")

    def command(self) -> list[str]:
        return [*super().command(), "--config", str(self._more)]

    def start(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        if self._disk:
            resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILE_BYTES, before[1]))
        try:
            super().start()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def samples(self) -> Samples:
        """Of each metric, the sum of its series."""
        text = requests.get(f"http://{LOOPBACK}:{self._metrics_port}/metrics", timeout=30).text
        found: Samples = {}
        for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", text, re.M):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def send(self) -> int:
        body = request([of_test_run(PERSON, number) for number in range(20)]).SerializeToString()
        headers = {"Content-Type": "application/x-protobuf"}
        return requests.post(f"{self.http_url}/v1/traces", data=body, headers=headers, timeout=30).status_code


@contextmanager
def without_a_processor(folder: Path, **limits: bool) -> Iterator[Limited]:
    with socket.socket() as nobody:  # a port that is taken, and where nothing listens
        nobody.bind((LOOPBACK, 0))
        part = Limited(folder, processor_port=nobody.getsockname()[1], **limits)
        part.start()
        try:
            yield part
        finally:
            part.kill()


def fires(alert: str, before: Samples, after: Samples) -> bool:
    """Whether the alert's expression holds, of samples one window apart. Knows the two forms that the rules have."""
    held = []
    for part in ALERTS[alert]["expr"].split(" unless ")[0].split(" or "):
        if found := re.fullmatch(r"increase\((\w+)\[\w+\]\) > 0", part):
            held.append(after.get(found[1], 0) > before.get(found[1], 0))
        elif found := re.fullmatch(r"(\w+) / (\w+) > ([\d.]+)", part):
            held.append(after[found[1]] / after[found[2]] > float(found[3]))
        else:
            assert re.fullmatch(r"\w+ > 0", part), part
    return any(held)


@pytest.mark.parametrize("full", ["queue", "disk"])
def test_a_full_collector_is_healthy_and_the_alerts_see_it(full: str, tmp_path: Path) -> None:
    with without_a_processor(tmp_path, **{full: True}) as part:
        assert part.send() == 200
        empty = part.samples()
        assert not fires("RhesisCollectorTakesNothing", empty, empty)
        wait_until("it to be full", lambda: part.send() == 503)
        before = part.samples()
        assert part.send() == 503
        after = part.samples()
        assert part.answers(), "its health says 200 all the same"
    assert fires("RhesisCollectorTakesNothing", before, after)
    assert fires("RhesisCollectorRefuses", before, after)
    assert fires("RhesisCollectorQueueGrows", before, after) is (full == "queue")


def test_every_metric_of_a_rule_is_one_of_the_collector() -> None:
    """Names change between releases; two of them are there from the start, the others with what they count."""
    names = {name for rule in ALERTS.values() for name in re.findall(r"\b(otelcol_\w+)", rule["expr"])}
    binary = collector.binary().read_bytes()
    assert names and {name for name in names if name.encode() not in binary} == set()


def test_each_alert_says_what_happened_and_what_to_do() -> None:
    for rule in ALERTS.values():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]


# It comes with whole systems, and the other tests do without.
if PROMTOOL := shutil.which("promtool"):

    def test_prometheus_itself_accepts_the_rules_and_their_tests() -> None:
        for words in (["check", "rules", RULES.name], ["test", "rules", "collector.rules.test.yaml"]):
            done = subprocess.run(
                [str(PROMTOOL), *words], cwd=RULES.parent, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

"""Which pages may send from a browser: those of the origins that are named, and no other."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.collector.parts import Collector
from tests.collector.spans import of_test_run, request
from tests.collector.upstream import Upstream

NAMED = ("https://app.example", "https://www.example")
OTHERS = ("https://evil.example", "https://app.example.evil.example", "http://app.example", "null")
ALLOWED = "Access-Control-Allow-Origin"


@contextmanager
def running(taking: Upstream, factory: pytest.TempPathFactory, **variables: str) -> Iterator[Collector]:
    collector = Collector(factory.mktemp("collector"), processor_port=taking.port, **variables)
    collector.start()
    yield collector
    collector.stop()


@pytest.fixture(scope="module")
def collector(taking: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with running(taking, tmp_path_factory, COLLECTOR_ALLOWED_ORIGINS=",".join(NAMED)) as collector:
        yield collector


def preflight(collector: Collector, origin: str) -> requests.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    return requests.options(f"{collector.http_url}/v1/traces", headers={"Origin": origin, **asked}, timeout=10)


@pytest.mark.parametrize("origin", NAMED)
def test_a_named_origin_may_send(collector: Collector, taking: Upstream, origin: str) -> None:
    answer = preflight(collector, origin)
    assert answer.headers[ALLOWED] == origin
    assert answer.headers["Access-Control-Allow-Headers"].lower() == "content-type"

    span = of_test_run(str(uuid.uuid4()), 1)
    sent = requests.post(
        f"{collector.http_url}/v1/traces",
        data=request([span]).SerializeToString(),
        headers={"Origin": origin, "Content-Type": "application/x-protobuf"},
        timeout=10,
    )
    assert (sent.status_code, sent.headers[ALLOWED]) == (200, origin)
    assert taking.of_trace(span.trace_id)


@pytest.mark.parametrize("origin", OTHERS)
def test_a_browser_is_told_that_another_origin_may_not(collector: Collector, origin: str) -> None:
    answer = preflight(collector, origin)

    assert ALLOWED not in answer.headers


def test_without_names_no_origin_may(taking: Upstream, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(taking, tmp_path_factory) as collector:
        assert all(ALLOWED not in preflight(collector, origin).headers for origin in (*NAMED, *OTHERS))

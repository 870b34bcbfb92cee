"""The collector that the tests here run: the real one, built from deploy/collector/builder.yaml."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.parts import built_or_skipped
from tests.collector.upstream import Upstream, upstream


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.collector)
            # The first of them may have to build it.
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session", autouse=True)
def _collector_is_built() -> None:
    built_or_skipped()


@pytest.fixture(scope="module")
def taking() -> Iterator[Upstream]:
    """In the processor's place, somebody who shows us what the collector sends."""
    with upstream() as taking:
        yield taking

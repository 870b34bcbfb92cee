"""A processor that writes to the tests' database, and the two roads that lead to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from analytics.ingest.serve import Processor
from analytics.router import conninfo
from tests.collector.parts import LOOPBACK, Collector, built_or_skipped
from tests.recipes import documented
from tests.recipes.services import Recipe, Service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            # The first of a language may have to install it, and to build the collector.
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture
def processor(transactional_db: None, settings: Settings) -> Iterator[Processor]:
    variables = documented.variables()
    settings.TELEMETRY_HASH_KEY = variables["PSEUDONYM_KEY"]
    _, _, key = variables["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")
    processor = Processor(f"{LOOPBACK}:0", conninfo(), api_key=key)
    processor.start()
    yield processor
    processor.stop()


@pytest.fixture
def straight(processor: Processor) -> str:
    """The processor's own address."""
    return f"http://{LOOPBACK}:{processor.port}"


@pytest.fixture
def by_way_of_the_collector(processor: Processor, tmp_path: Path) -> Iterator[str]:
    built_or_skipped()
    _, _, key = documented.variables()["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")
    collector = Collector(tmp_path, processor_port=processor.port, OTEL_API_KEY=key)
    collector.start()
    yield collector.grpc_url
    collector.stop()


@pytest.fixture(params=["straight", "by_way_of_the_collector"])
def endpoint(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def _edited(text: str, recipe: Recipe) -> str:
    for old, new in recipe.edits:
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recipe], Path]:
    """The folder of a recipe that is built: once in a session, whatever the road."""
    folders: dict[Recipe, Path] = {}

    def build(recipe: Recipe) -> Path:
        if recipe not in folders:
            folder = tmp_path_factory.mktemp(recipe.name)
            texts = documented.files()
            for name in recipe.files:
                (folder / name).write_text(_edited(texts[name], recipe), encoding="utf-8")
            recipe.build(folder)
            folders[recipe] = folder
        return folders[recipe]

    return build


@pytest.fixture
def start(built: Callable[[Recipe], Path]) -> Iterator[Callable[[Recipe, str], Service]]:
    started: list[Service] = []

    def start(recipe: Recipe, endpoint: str) -> Service:
        service = Service(recipe, built(recipe), endpoint)
        started.append(service)
        service.start()
        return service

    yield start
    for service in started:
        service.stop()

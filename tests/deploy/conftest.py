"""The image's content, made once."""

from pathlib import Path

import pytest

from tests.deploy.image import make_image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image(tmp_path_factory.mktemp("image"))

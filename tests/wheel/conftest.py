"""The wheel, built once for the tests of a process."""

import sys
from pathlib import Path

import pytest

from tests.acceptance.product import copy_of_the_tree
from tests.wheel.projects import environment, run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `python -m build` makes: first the source archive, then the wheel from that."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("tree"))
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--outdir", folder, ".", cwd=tree)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and nothing else, which projects may share."""
    return environment(tmp_path_factory.mktemp("environment"), wheel, interpreter=sys.executable)

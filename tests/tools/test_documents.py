"""Texts that are made from the code: the picture of the layers is what import-linter holds the project to."""

import tomllib

from tools import documents


def test_the_picture_in_the_document_is_of_the_layers_as_they_are() -> None:
    document = documents.CONTRIBUTING.read_text()
    assert documents.BEGIN in document and documents.with_picture(document) == document


def test_every_layer_is_in_the_picture_in_its_order() -> None:
    contracts = tomllib.loads((documents.ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    lines = [line.strip("│ ") for line in documents.picture().splitlines()]
    for contract in contracts:
        if contract["type"] == "layers":
            places = [lines.index(layer) for layer in contract["layers"]]
            assert places == sorted(places) and len(places) == len(contract["layers"])


def test_every_line_of_the_picture_is_as_long_as_the_others() -> None:
    assert {len(line) for line in documents.picture().splitlines()} == {documents.WIDTH}

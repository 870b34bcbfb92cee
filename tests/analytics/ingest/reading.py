"""A look at what the fast way leaves to the plain one."""

from types import SimpleNamespace

import pytest

from analytics.catalogue import Catalogue
from analytics.ingest import fast, plain, shapes
from analytics.ingest.layouts import LAYOUTS


@pytest.fixture
def plain_reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The requests that were read plainly by a processor in this process. It has forgotten everything before."""
    left: list[bytes] = []

    def read(body: bytes, catalogue: Catalogue) -> plain.Spans:
        left.append(body)
        return plain.read(body, catalogue)

    monkeypatch.setattr(fast, "plain", SimpleNamespace(read=read, attributes=plain.attributes))
    shapes.known.clear()
    for layout in LAYOUTS.values():
        for memo in (layout.users, layout.organizations, layout.sessions):
            memo.clear()
    return left

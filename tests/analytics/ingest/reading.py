"""A look at how the fast reader goes about a request."""

from dataclasses import dataclass, field

import pytest

from analytics.catalogue import Catalogue, current_catalogue
from analytics.events import Attributes
from analytics.ingest import fast
from analytics.ingest.content import Content, content_of


@dataclass
class Reads:
    """What the fast reader did, since the test began with one that remembers nothing."""

    reader: fast.Reader
    anew: list[Attributes] = field(default_factory=list)  # attributes of spans that it read anew

    def remembered(self) -> bytes:
        """All bytes that are remembered, one after the other."""
        reader = self.reader
        names = [begin for known in reader.known.values() for _, begin, _ in known.others]
        return b"\n".join([*reader.tokens, *reader.users, *reader.organizations, *names])


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Of this process."""
    found = Reads(fast.Reader(current_catalogue()))

    def content(attributes: Attributes, catalogue: Catalogue, *, kind: int, failed: bool) -> Content:
        found.anew.append(attributes)
        return content_of(attributes, catalogue, kind=kind, failed=failed)

    monkeypatch.setattr(fast, "_reader", found.reader)
    monkeypatch.setattr(fast, "content_of", content)
    return found

"""Erasures are tested with the rows of `keep` and the processor of `ingest`."""

from tests.analytics.ingest.conftest import client, clients, start
from tests.analytics.keep.conftest import elsewhere, months

__all__ = ["client", "clients", "elsewhere", "months", "start"]

"""What can go wrong between Django and the embedded server; the message is written for the person who runs it."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db.utils import OperationalError


class EmbeddedPostgresUnavailable(OperationalError):
    """The embedded server could not be started, or does not answer. An OperationalError, so that whoever
    already treats "the database is away" as passing treats this the same."""


class EmbeddedPostgresMisconfigured(ImproperlyConfigured):
    """It can never start as things are: no binaries, or no place to keep its files."""

"""Errors of the embedded server; their messages are for the operator."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db.utils import OperationalError


class EmbeddedPostgresUnavailable(OperationalError):
    """The embedded server could not be started, or does not answer.

    An OperationalError, so that code treats it like any unavailable database.
    """


class EmbeddedPostgresMisconfigured(ImproperlyConfigured):
    """The embedded server cannot start without a change: binaries or directory are missing."""

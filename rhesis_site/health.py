"""Health checks for load balancers and orchestrators. Their answers reveal nothing about the installation."""

import logging

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from privacy.outages import cause
from privacy.schema import missing_tables, unapplied
from privacy.waits import at_most

logger = logging.getLogger(__name__)
READY_SECONDS = 2.0
_schema_is_known: set[str] = set()  # aliases with a complete schema, which stays complete for this release


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 if this process answers. Queries no database."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if the site's database answers and is migrated; otherwise 503, with the reason in the log.

    Telemetry's own database is not checked, because the site works without it.
    """
    why = _why_not_ready()
    if why:
        logger.warning("Not ready: %s", why)
        return HttpResponse("not ready\n", content_type="text/plain", status=503)
    return HttpResponse("ready\n", content_type="text/plain")


def _why_not_ready() -> str:
    try:
        with at_most(READY_SECONDS):
            with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute("SELECT 1")
            if DEFAULT_DB_ALIAS not in _schema_is_known:
                if unapplied(DEFAULT_DB_ALIAS) or missing_tables(DEFAULT_DB_ALIAS):
                    return "the database is not migrated"
                _schema_is_known.add(DEFAULT_DB_ALIAS)
    except Error as error:
        return f"the database cannot be used: {cause(error, DEFAULT_DB_ALIAS)}"
    return ""

"""What load balancers and orchestrators ask. Neither answer says anything about the installation to strangers."""

import logging

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from privacy.outages import cause
from privacy.schema import missing_tables, unapplied
from privacy.waits import at_most

logger = logging.getLogger(__name__)
READY_SECONDS = 2.0
_schema_is_known: set[str] = set()  # aliases: a schema that was right stays so for this release


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200: this process answers. It asks no database."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200: the site's database answers and is migrated; 503 otherwise, and the log says why.

    Telemetry's own database does not count: the site can do without it.
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

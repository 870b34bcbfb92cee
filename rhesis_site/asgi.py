"""ASGI entry point."""

import os

from django.core.asgi import get_asgi_application
from django.db import connections

from privacy.waits import PATIENCE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rhesis_site.settings")

_django = get_asgi_application()

# Each request has a thread of its own here. A connection that a thread keeps for the next request would never have one,
# and stay open; to make one for each request takes longer than most requests. So threads share a few.
for _database in connections.settings.values():
    _database["CONN_MAX_AGE"] = 0
    _database["OPTIONS"].setdefault("pool", {"min_size": 1, "max_size": 10, "timeout": PATIENCE["connect_timeout"]})

# Only now: Django's apps must be there before it is imported.
from analytics.collect.asgi import with_lifespan  # noqa: E402
from rhesis_site.declared import refuse_to_serve_unasked  # noqa: E402

refuse_to_serve_unasked()

application = with_lifespan(_django)

"""ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rhesis_site.settings")

_django = get_asgi_application()

# Only now: Django's apps must be there before it is imported.
from analytics.collect.asgi import with_lifespan  # noqa: E402

application = with_lifespan(_django)

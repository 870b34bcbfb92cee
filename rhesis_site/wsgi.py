"""WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rhesis_site.settings")

application = get_wsgi_application()

# Only now: Django's apps must be there before it is imported.
from django.urls import get_resolver  # noqa: E402

from rhesis_site.declared import refuse_to_serve_unasked  # noqa: E402

refuse_to_serve_unasked()
# Import all views now: a process that imported them with the first request could find those of another release, and a
# release that cannot be loaded would be noticed by people.
get_resolver().url_patterns  # noqa: B018

"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rhesis_site.settings")

application = get_wsgi_application()

# Only now: the settings must be there before they are judged.
from rhesis_site.declared import refuse_to_serve_unasked  # noqa: E402

refuse_to_serve_unasked()

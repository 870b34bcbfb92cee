"""The site's own settings, with a few pages more where secrets can be put."""

from rhesis_site.settings import *  # noqa: F403

ROOT_URLCONF = "tests.consent.canary_site"

"""The tests' settings with a database of its own for analytics, as ANALYTICS_DATABASE_URL would give it."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

# Names of their own, so that these tests may run beside those with one database.
DATABASES["analytics"] = {**DATABASES["default"], "TEST": {"NAME": "test_rhesis_two_analytics"}}
DATABASES["default"] = {**DATABASES["default"], "TEST": {"NAME": "test_rhesis_two"}}

"""How long property tests search: TELEMETRY_TEST_PROFILE=long looks much further."""

import os

LONG = os.environ.get("TELEMETRY_TEST_PROFILE") == "long"


def examples(normal: int, *, long: int) -> int:
    """The number of examples in the profile that is set."""
    return long if LONG else normal

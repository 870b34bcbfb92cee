"""How long property, fuzz and fault tests search: TELEMETRY_TEST_PROFILE=middle looks further, =long much further.

`short` is for mutation tests, of which each property is a small part."""

import os

PROFILE = os.environ.get("TELEMETRY_TEST_PROFILE", "normal")
LONG = PROFILE == "long"


def examples(normal: int, *, long: int, middle: int | None = None) -> int:
    """The number of examples in the profile that is set; where no `middle` is given, that of the normal one."""
    return {"long": long, "middle": normal if middle is None else middle, "short": max(1, normal // 10)}.get(
        PROFILE, normal
    )

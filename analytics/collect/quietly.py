"""Telemetry never breaks its host: the one place where whatever goes wrong in ours is swallowed, and said."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb

from analytics.conf import conf
from analytics.exceptions import AnalyticsError

logger = logging.getLogger(__name__)


@contextmanager
def quietly() -> Iterator[None]:
    """`swallow` whatever is raised inside."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  that is what this is for
        swallow(error)


def swallow(error: Exception) -> None:
    """Log type and place of an exception, never its message, which may quote anything. Under `conf.strict` our own
    errors are a developer's mistake and are raised."""
    if isinstance(error, AnalyticsError):
        if conf.strict:
            raise error
        # The class says which rule was broken; the message may quote what was tracked.
        logger.warning("An event was dropped: %s", type(error).__name__)
        return
    place = extract_tb(error.__traceback__)[-1]
    logger.error("Telemetry failed: %s at %s:%s", type(error).__name__, place.name, place.lineno)

"""Catches and logs telemetry's own errors, so that they never break the host."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb

from analytics.conf import conf
from analytics.exceptions import AnalyticsError

logger = logging.getLogger(__name__)


@contextmanager
def quietly() -> Iterator[None]:
    """Pass any exception of the block to `swallow`."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  that is what this is for
        swallow(error)


def swallow(error: Exception) -> None:
    """Log type and place of an exception, never its message, which may contain personal data.

    Under `conf.strict`, an AnalyticsError is a developer's mistake and is raised.
    """
    if isinstance(error, AnalyticsError):
        if conf.strict:
            raise error
        # The class names the broken rule; the message may quote tracked data.
        logger.warning("An event was dropped: %s", type(error).__name__)
        return
    place = extract_tb(error.__traceback__)[-1]
    logger.error("Telemetry failed: %s at %s:%s", type(error).__name__, place.name, place.lineno)

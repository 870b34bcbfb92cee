"""Logs the numbered findings once for each process, because a server does not run `manage.py check`."""

import logging
from threading import Lock

from django.core.checks import WARNING, run_checks

logger = logging.getLogger(__name__)
TAGS = ("privacy", "analytics", "accounts", "rhesis_site")
_first = Lock()  # acquired by the first caller and never released


def log_findings() -> None:
    """Log each error and warning of our checks, on the first call only. Middlewares call it when they are loaded."""
    if not _first.acquire(blocking=False):
        return
    for finding in run_checks(tags=TAGS):
        if finding.level >= WARNING and not finding.is_silenced():
            logger.log(finding.level, "%s: %s %s", finding.id, finding.msg, finding.hint or "")

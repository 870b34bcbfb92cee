"""Log the numbered findings once a process: a server that never runs `manage.py check` reports them at its start."""

import logging
from threading import Lock

from django.core.checks import WARNING, run_checks

logger = logging.getLogger(__name__)
TAGS = ("privacy", "analytics", "accounts", "rhesis_site")
_first = Lock()  # taken by whoever logs, and never released


def log_findings() -> None:
    """Log each error and warning of our checks, the first time only. Middlewares call it when a server loads them."""
    if not _first.acquire(blocking=False):
        return
    for finding in run_checks(tags=TAGS):
        if finding.level >= WARNING and not finding.is_silenced():
            logger.log(finding.level, "%s: %s %s", finding.id, finding.msg, finding.hint or "")

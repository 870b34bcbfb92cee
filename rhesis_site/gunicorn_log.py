"""gunicorn's own logger with this site's formatter, from its first line and after each reload of its configuration."""

import logging
from typing import Any

from gunicorn.glogging import Logger

from rhesis_site.logging_privacy import PrivateFormatter


class PrivateLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    def setup(self, cfg: Any) -> None:
        """Leave every line to the root logger, whose formatter decides what may be written."""
        super().setup(cfg)
        root = logging.getLogger()
        if not root.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(PrivateFormatter())
            root.addHandler(handler)
        for log in (self.error_log, self.access_log):
            for handler in list(log.handlers):
                log.removeHandler(handler)
            log.propagate = True

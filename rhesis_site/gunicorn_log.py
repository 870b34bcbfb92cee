"""Logger class for gunicorn that uses this site's formatter from the first line on."""

import logging
import os
from typing import Any

from gunicorn.glogging import Logger

from rhesis_site.logging_privacy import PrivateFormatter


class PrivateLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    def setup(self, cfg: Any) -> None:
        """Pass every line to the root logger, whose formatter removes personal data."""
        super().setup(cfg)
        root = logging.getLogger()
        if not root.handlers:
            handler = logging.StreamHandler()
            # Before the site's settings are loaded, which read `.env` too.
            handler.setFormatter(PrivateFormatter(as_json=os.environ.get("LOG_FORMAT", "").strip() == "json"))
            root.addHandler(handler)
        for log in (self.error_log, self.access_log):
            for handler in list(log.handlers):
                log.removeHandler(handler)
            log.propagate = True

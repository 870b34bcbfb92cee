#!/usr/bin/env python3
"""Django's command line for this site.

Exit codes: 0, done; 1, not done, try again later; 2, not done: mend a setting, the command line or the database first.
"""

import os
import sys
from typing import NoReturn

MEND_FIRST = 2


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rhesis_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.core.management.base import SystemCheckError
    from django.db import OperationalError

    # An operator's typing mistake, or a database that is away, is answered with a sentence, not with our stack.
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        _give_up(f"configuration error: {error}")
    except OperationalError as error:
        _give_up(f"the database cannot be used: {str(error).strip().splitlines()[0]}")
    except SystemExit as ending:
        # Django has listed the numbered errors, and ends with 1.
        if isinstance(ending.__context__, SystemCheckError):
            sys.exit(MEND_FIRST)
        raise


def _give_up(why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.exit(MEND_FIRST)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Django's command line for this site."""

import os
import sys
from typing import NoReturn


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rhesis_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    # An operator's typing mistake, or a database that is away, is answered with a sentence, not with our stack.
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        _give_up(f"configuration error: {error}")
    except OperationalError as error:
        _give_up(f"the database cannot be used: {str(error).strip().splitlines()[0]}")


def _give_up(why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()

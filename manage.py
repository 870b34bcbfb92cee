#!/usr/bin/env python3
"""Django's command line for this site.

Exit codes: 0, done; 1, not done, try again later; 2, not done: mend a setting, the command line or the database first.
"""

import os
import sys
from typing import NoReturn

MEND_FIRST = 2
# A table, a column, a function that the newest migration would have made.
UNDEFINED = {"42P01", "42703", "42883"}
REFUSED = {"42501", "3F000"}  # a right, or the schema, is missing


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rhesis_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.core.management.base import CommandParser, SystemCheckError
    from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError

    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        _give_up("an argument is no text: write it in UTF-8")
    # A mistake in the command line is one line, without argparse's page of usage; --help has that.
    CommandParser.print_usage = lambda *_: None  # type: ignore[method-assign, misc, assignment]
    # An operator's typing mistake, or a database that is away, is answered with a sentence, not with our stack.
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        _give_up(f"configuration error: {error}")
    except (OperationalError, InterfaceError, InternalError) as error:
        _give_up(f"the database cannot be used: {_cause(error)}")
    except ProgrammingError as error:
        state = getattr(error.__cause__, "sqlstate", None)
        if state in UNDEFINED:
            _give_up("tables are missing; run manage.py migrate first")
        if state in REFUSED:
            _give_up(f"the database cannot be used: {_cause(error)}")
        raise
    except SystemExit as ending:
        # Django has listed the numbered errors, or found no such command, and ends with 1.
        if isinstance(ending.__context__, SystemCheckError | KeyError):
            sys.exit(MEND_FIRST)
        raise
    except ModuleNotFoundError as error:
        module = os.environ["DJANGO_SETTINGS_MODULE"]
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        _give_up("configuration error: DJANGO_SETTINGS_MODULE names no module that there is")


def _cause(error: Exception) -> str:
    from django.db import DEFAULT_DB_ALIAS, connections

    from privacy.outages import cause

    # Of several databases the error does not say which it is of.
    return cause(error, DEFAULT_DB_ALIAS if len(list(connections)) == 1 else None)


def _give_up(why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.exit(MEND_FIRST)


if __name__ == "__main__":
    main()

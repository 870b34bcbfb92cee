"""Parse options of commands: for a wrong one, argparse's own types print the usage page."""

from django.core.management.base import CommandError

from analytics.management.database import WRONG_USAGE
from privacy.kinds import digits, range_of_numbers


def whole_number(option: str, text: object, minimum: int, maximum: int, of: str = "") -> int:
    """The number of an option, `of` a unit. Raises CommandError, in one line that names the option."""
    number = digits(str(text), minimum, maximum)
    if number is None:
        wanted = range_of_numbers(minimum, maximum, of)
        raise CommandError(f"{option} must be {wanted}; it is {str(text)!r}", returncode=WRONG_USAGE)
    return number

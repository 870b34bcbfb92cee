"""The file of erased pseudonyms, for replaying erasures after a restore.

It lies outside of any database: keep it apart from the backups.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from analytics.erasure.here import Erased
from analytics.exceptions import AnalyticsError
from analytics.models import Tombstone


class UnusableLog(AnalyticsError):
    """The file is not a log of erasures. The message contains the line."""


def of_file(path: Path) -> list[Erased]:
    """Return the pseudonyms in a file that `write_file` wrote. Raises UnusableLog."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableLog(f"{path} cannot be read ({type(error).__name__})") from None
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            user_id, until = UUID(entry["user_id"]), datetime.fromisoformat(entry["until"])
            if until.tzinfo is None:
                raise UnusableLog(f"{path}:{number} has a time without a zone")
            # A time outside of Python's years, once stored, could never be read again.
            found.append(Erased(user_id, until.astimezone(UTC)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise UnusableLog(f"{path}:{number} is not an erasure") from None
    return found


def write_file(path: Path) -> int:
    """Write every erased pseudonym to a new file, as lines of JSON. Returns their number. Raises UnusableLog."""
    erased = Tombstone.objects.order_by("user_id").values_list("user_id", "until")
    lines = [json.dumps({"user_id": str(user_id), "until": until.isoformat()}) for user_id, until in erased]
    try:
        # The old file remains until the new one is complete.
        beside = path.with_name(f"{path.name}.new")
        beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise UnusableLog(f"{path} cannot be written ({type(error).__name__})") from None
    return len(lines)

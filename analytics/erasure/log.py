"""Where requests to delete are written down besides the analytics database, for replaying them after a restore.

The ledger of the privacy pages has every request made on this site, and may be in another database than the rows. A
file has those that came from other installations too, and lies outside of any database: keep it apart from the backups.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from analytics.erasure.here import Request
from analytics.exceptions import AnalyticsError
from analytics.identity import Kind, pseudonym
from analytics.models import Erasure
from privacy.models import Action, ConsentEvent


class UnusableLog(AnalyticsError):
    """The file is no log of erasures; the message says where."""


def of_ledger() -> Iterator[Request]:
    """The requests that people made on this site."""
    events = ConsentEvent.objects.filter(action=Action.ERASURE_REQUESTED, user_id__isnull=False)
    for id_, user_id, recorded_at in events.values_list("id", "user_id", "recorded_at"):
        yield Request(id_, pseudonym(Kind.USER, user_id), recorded_at)


def of_file(path: Path) -> list[Request]:
    """The requests in a file that `write_file` wrote. Raises UnusableLog."""
    requests = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableLog(f"{path} cannot be read ({type(error).__name__})") from None
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            moment = datetime.fromisoformat(entry["requested_at"])
            requests.append(Request(UUID(entry["id"]), UUID(entry["user_id"]), moment))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UnusableLog(f"{path}:{number} is not a request to delete") from None
        if moment.tzinfo is None:
            raise UnusableLog(f"{path}:{number} has a time without a zone")
    return requests


def write_file(path: Path) -> int:
    """Write every request that is known to a new file, a line of JSON each; how many. Raises UnusableLog."""
    requests = Erasure.objects.order_by("requested_at")
    lines = [
        json.dumps({"id": str(each.pk), "user_id": str(each.user_id), "requested_at": each.requested_at.isoformat()})
        for each in requests
    ]
    try:
        # The old file stays whole until the new one is.
        beside = path.with_name(f"{path.name}.new")
        beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise UnusableLog(f"{path} cannot be written ({type(error).__name__})") from None
    return len(lines)

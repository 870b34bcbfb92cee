"""The ledger as a hash chain: `examine` finds every line that was changed, inserted or taken out.

    hash of a link = SHA-256(hash of the previous link, in hex + text of the line), in hex; 64 zeros before the first

A database trigger adds the links when a transaction with new lines commits, so that their lock is held only for the
commit. This module computes all hashes again, without the database's functions. Whoever can rewrite the whole chain
can hide a change from it, but not from a head that was published before.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from privacy.sessions import lift_limits

BEFORE_THE_FIRST = "0" * 64
LINES_AT_ONCE = 2000
# One statement, hence one snapshot, of links, lines and head. Lines without a link come last.
EVERYTHING = """
DECLARE ledger_lines NO SCROLL CURSOR FOR
SELECT
    link.number, link.event_id, link.hash, head.number, head.hash, event.id, event.user_id, event.actor_id,
    event.organization_id, event.action, event.source, event.notice_version, event.recorded_at
FROM (SELECT) AS always
LEFT JOIN privacy_ledger_head AS head ON true
LEFT JOIN (privacy_ledger_link AS link FULL JOIN privacy_consent_event AS event ON event.id = link.event_id) ON true
ORDER BY link.number NULLS LAST, event.id
"""


@dataclass
class Examination:
    """`problems` are sentences, in the order of the chain. `head` is the hash of the newest link."""

    lines: int = 0
    head: str = BEFORE_THE_FIRST
    problems: list[str] = field(default_factory=list)
    has_published: bool = True


def text_of(line: Sequence[Any]) -> str:
    """Text that the hash of a line covers: the event columns of EVERYTHING, as json_build_array writes them."""
    return json.dumps([_as_json(value) for value in line], ensure_ascii=False)


def _as_json(value: Any) -> str | int | None:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    return value if value is None or isinstance(value, int) else str(value)


def next_hash(previous: str, line: Sequence[Any]) -> str:
    return sha256((previous + text_of(line)).encode()).hexdigest()


def examine(published: str | None = None) -> Examination:
    """Compare every line with the chain, and look for the head `published` earlier in it."""
    found = Examination(has_published=published is None or published == BEFORE_THE_FIRST)
    last, head = 0, (0, BEFORE_THE_FIRST)
    for number, event_id, hash_, head_number, head_hash, *line in _everything():
        if head_number is not None:
            head = (head_number, head_hash)
        if number is None:
            if line[0] is not None:
                found.problems.append(f"Line {line[0]} was inserted past the chain.")
            continue
        if number > last + 1:
            found.problems.append(f"Links {last + 1} to {number - 1} were taken out.")
        if line[0] is None:
            found.problems.append(f"Line {event_id} at link {number} was taken out.")
        elif number == last + 1 and next_hash(found.head, line) != hash_:
            found.problems.append(f"Line {event_id} at link {number} was changed, inserted or moved.")
        found.lines, found.head, last = found.lines + 1, hash_, number
        found.has_published |= hash_ == published
    if head != (last, found.head):
        found.problems.append(f"The chain ends at link {last}, but its head is link {head[0]}.")
    if not found.has_published:
        found.problems.append("The published head is not in the chain: lines were taken out, or all were rewritten.")
    return found


def _everything() -> Iterator[tuple[Any, ...]]:
    with transaction.atomic(DEFAULT_DB_ALIAS), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        lift_limits(cursor, in_transaction=True)
        cursor.execute(EVERYTHING)
        while True:
            cursor.execute(f"FETCH {LINES_AT_ONCE} FROM ledger_lines")
            if not (rows := cursor.fetchall()):
                break
            yield from rows
        cursor.execute("CLOSE ledger_lines")

"""The grammar of routes: what both ends, and the browser's relay, agree may be stored of an address.

    route   = "/" [segment ("/" segment)*] ["/"]  |  "unmatched"  |  "{unrecognised}"
    segment = text, placeholders, or both, such as `things.{format}`; "{...}" is a placeholder without a name

`canonical` turns the notations of frameworks into it. Text that is no word (see `words`) becomes `{...}`, and its whole
segment with it: raw paths with ids, addresses, hosts or tokens in them end as patterns. tests/routes.json has examples.
"""

from typing import NamedTuple

from analytics.routes.notation import IsQuery, Notation, Placeholder, Segment, Unreadable, read
from analytics.routes.words import is_name, is_text, is_text_beside_placeholder
from analytics.vocabulary import UNMATCHED_ROUTE, UNRECOGNISED_ROUTE
from privacy.process import Bounded

__all__ = ["LONGEST_ROUTE", "IsQuery", "Route", "canonical"]

LONGEST_ROUTE = 512  # the column's width
MOST_SEGMENTS = 32
NO_NAME = "{...}"
REMEMBERED = 4096


class Route(NamedTuple):
    pattern: str
    is_cut: bool = False  # some of it was no word of a route, and is gone


_known: Bounded[tuple[str, bool, frozenset[str]], Route] = Bounded(REMEMBERED)


def canonical(text: str, *, trusted: bool, declared: frozenset[str] = frozenset()) -> Route:
    """The route that `text` is, in the notation of whatever framework.

    `trusted` is whether it surely is a pattern, as one of a URLconf: then words need only read like words. So it is for
    text that no raw path looks like, because it has a placeholder with a name. Everything else may be a raw path, whose
    words must be of the vocabulary, or `declared` (the catalogue's). Raises IsQuery for a path with a query.
    """
    key = text, trusted, declared
    found = _known.get(key)
    if found is None:
        found = _canonical(text, trusted, declared)
        if not found.is_cut:  # a raw path is not remembered: it may hold anything, and would not come again
            _known[key] = found
    return found


def _canonical(text: str, trusted: bool, declared: frozenset[str]) -> Route:
    if text in (UNMATCHED_ROUTE, UNRECOGNISED_ROUTE):
        return Route(text)
    try:
        notation = read(text) if len(text) <= LONGEST_ROUTE else None
    except Unreadable:
        notation = None
    if notation is None or len(notation.segments) > MOST_SEGMENTS:
        return Route(UNRECOGNISED_ROUTE, is_cut=True)
    return _written(notation, trusted and not notation.is_url, declared)


def _written(notation: Notation, trusted: bool, declared: frozenset[str]) -> Route:
    lenient = trusted or (notation.is_pattern and not notation.is_url)
    written = [_segment(segment, lenient, declared) for segment in notation.segments]
    pattern = "/" + "/".join(text for text, _ in written)
    if notation.is_open and written:
        pattern += "/"
    if len(pattern) > LONGEST_ROUTE:
        return Route(UNRECOGNISED_ROUTE, is_cut=True)
    return Route(pattern, is_cut=notation.is_url or any(is_cut for _, is_cut in written))


def _segment(segment: Segment, lenient: bool, declared: frozenset[str]) -> tuple[str, bool]:
    """Its text, and whether some of it is gone."""
    written = ""
    for part in segment:
        if isinstance(part, Placeholder):
            if part.name and not is_name(part.name):
                return NO_NAME, True
            written += f"{{{part.name or '...'}}}"
        elif (
            is_text(part, lenient=lenient, declared=declared)
            if len(segment) == 1
            else is_text_beside_placeholder(part, is_after=bool(written), lenient=lenient, declared=declared)
        ):
            written += part
        else:
            return NO_NAME, True
    return written, False

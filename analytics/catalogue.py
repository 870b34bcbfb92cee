"""Loader of the catalogue, which declares every event that may be collected. Nothing else is sent or stored.

A file has one table for each event, `[user_activity.<type>]`, `[feature_usage.<feature>]`, and one
`[endpoint_usage.request]` for the requests the middleware measures:

    [feature_usage.test_run]
    description = "..."            meaning of the event
    purpose     = "..."            use of the data
    owner       = "team@host"      responsible team
    expires     = 2028-01-01       not sent or stored from that UTC day on; a check warns 90 days ahead
    actions     = ["created"]      feature_usage only
    browser     = true             may come from a browser (default false)

    [feature_usage.test_run.metadata.test_count]
    type = "integer"               integer | number | boolean | choice | pseudonym; no free text
    minimum = 0                    integer and number: both bounds are required
    maximum = 100000
    description = "..."
    choices = ["a", "b"]           choice only

A file may also add to the routes (each key is optional):

    [routes]
    words = ["kanban", "step1"]         text allowed in a route, from any sender, in addition to words.txt
    pages = ["/boards", "/boards/:id"]  pages of a front end: additional choices of page_view's `route`
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from analytics.conf import conf
from analytics.exceptions import CatalogueError, ExpiredEvent, InvalidValue, UndeclaredEvent
from analytics.vocabulary import LARGEST_INTEGER, PSEUDONYM_VERSION, Category

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
ROUTES = "routes"
ROUTE_WORD = re.compile(r"[A-Za-z0-9._~-]{1,64}")
# As long as an action may be: the reports count page views by it.
PAGE = re.compile(r"/|(?=.{1,64}$)(?:/(?::[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9._~-]+))+/?")
CHOICE = re.compile(r"[A-Za-z0-9_./:<>\-\[\]]{1,100}")
MAXIMUM_ENTRIES = 1000
PAGE_VIEW = (Category.FEATURE_USAGE, "page_view")
PAGE_ROUTE = "route"


class FieldType(StrEnum):
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    PSEUDONYM = "pseudonym"


@dataclass(frozen=True, slots=True)
class Field:
    """One metadata key. `minimum` and `maximum` are set for integers and numbers, `choices` for choices."""

    name: str
    type: FieldType
    description: str
    minimum: float = 0
    maximum: float = 0
    choices: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """Description of the type, such as "integer from 0 to 100"."""
        match self.type:
            case FieldType.INTEGER | FieldType.NUMBER:
                return f"{self.type} from {_plain(self.minimum)} to {_plain(self.maximum)}"
            case FieldType.CHOICE:
                return f"one of: {', '.join(sorted(self.choices))}"
            case FieldType.PSEUDONYM:
                return "pseudonym (keyed hash of an id)"
            case _:
                return str(self.type)

    def checked(self, value: object) -> int | float | bool | str:
        """`value`, converted to the stored type. A pseudonym must be the text of one.

        Raises InvalidValue for a value that does not fit; the message never contains the value.
        """
        match self.type:
            case FieldType.BOOLEAN if isinstance(value, bool):
                return value
            case FieldType.INTEGER if isinstance(value, int) and not isinstance(value, bool):
                if self.minimum <= value <= self.maximum:
                    return value
            case FieldType.NUMBER if isinstance(value, int | float) and not isinstance(value, bool):
                # Check the bounds first: converting a huge integer to float raises.
                if self.minimum <= value <= self.maximum and math.isfinite(value):
                    return float(value)
            case FieldType.CHOICE if isinstance(value, str) and value in self.choices:
                return str(value)
            case FieldType.PSEUDONYM if isinstance(value, str) and len(value) == 36:
                with suppress(ValueError):
                    if (found := UUID(value)).version == PSEUDONYM_VERSION:
                        return str(found)
        raise InvalidValue(f"metadata {self.name!r} must be {self.kind}")


def _plain(number: float) -> str:
    """The number without an unnecessary exponent: 1000000, 0.5."""
    return str(int(number)) if number == int(number) else str(number)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared event. `name` is the event type or the feature; only features have `actions`."""

    category: Category
    name: str
    description: str
    purpose: str
    owner: str
    expires: date
    actions: frozenset[str]
    browser: bool
    fields: Mapping[str, Field]
    path: str
    line: int

    def field(self, key: str) -> Field:
        """The metadata field `key`. Raises UndeclaredEvent, whose message has the key only if it is a valid name."""
        try:
            return self.fields[key]
        except KeyError:
            shown = repr(key) if NAME.fullmatch(key) else "with such a name"
            raise UndeclaredEvent(f"{self.category} {self.name!r} declares no metadata {shown}") from None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All declared events by category and name, in file order. An event is off from its expiry date on.

    `problems` has one error for each unusable file, none of whose events is declared.
    """

    events: Mapping[tuple[Category, str], Declaration]
    route_words: frozenset[str] = frozenset()
    today: date = date.min
    problems: tuple[CatalogueError, ...] = ()

    def current_declaration(self, category: Category, name: str, action: str | None = None) -> Declaration:
        """Declaration of an event that may be sent and stored today. Raises UndeclaredEvent or ExpiredEvent."""
        found = self.declaration(category, name, action)
        if found.expires <= self.today:
            raise ExpiredEvent(f"{category} {name!r} expired on {found.expires}")
        return found

    def declaration(self, category: Category, name: str, action: str | None = None) -> Declaration:
        """Declaration of an event, expired or not. Raises UndeclaredEvent, also for a feature's action."""
        event = self.events.get((category, name))
        if event is None:
            shown = repr(name) if isinstance(name, str) and NAME.fullmatch(name) else "of such a name"
            raise UndeclaredEvent(f"the catalogue declares no {category} {shown}")
        if category is Category.FEATURE_USAGE and action not in event.actions:
            raise UndeclaredEvent(f"feature {name!r} declares only the actions {', '.join(sorted(event.actions))}")
        return event

    def of(self, category: Category) -> list[Declaration]:
        return [event for event in self.events.values() if event.category is category]

    def current(self) -> list[Declaration]:
        return [event for event in self.events.values() if event.expires > self.today]


def load_catalogue(paths: Sequence[Path]) -> Catalogue:
    """Read and check the files. Raises CatalogueError with file and line of the first error."""
    catalogue = usable_catalogue(paths)
    for problem in catalogue.problems:
        raise problem
    return catalogue


def usable_catalogue(paths: Sequence[Path]) -> Catalogue:
    """The events of all valid files; a broken file does not affect the others."""
    events: dict[tuple[Category, str], Declaration] = {}
    route_words: frozenset[str] = frozenset()
    pages: frozenset[str] = frozenset()
    problems = []
    for path in paths:
        try:
            new, routes = _read(path, events)
        except CatalogueError as problem:
            problems.append(problem)
            continue
        events |= new
        route_words |= routes.words
        pages |= routes.pages
    if PAGE_VIEW in events:
        events[PAGE_VIEW] = _with_pages(events[PAGE_VIEW], pages)
    return Catalogue(MappingProxyType(events), route_words, problems=tuple(problems))


def _with_pages(event: Declaration, pages: frozenset[str]) -> Declaration:
    """The event, with `pages` added to the choices of its field `route`, if it has one."""
    field = event.fields.get(PAGE_ROUTE)
    if field is None or field.type is not FieldType.CHOICE:
        return event
    route = replace(field, choices=field.choices | pages)
    return replace(event, fields=MappingProxyType({**event.fields, PAGE_ROUTE: route}))


def _read(
    path: Path, earlier: Mapping[tuple[Category, str], Declaration]
) -> "tuple[dict[tuple[Category, str], Declaration], _Routes]":
    """The file's events and routes. Raises CatalogueError, also for an event among `earlier`."""
    reader, data = _read_file(path)
    routes = reader.routes(data.pop(ROUTES, {}))
    events: dict[tuple[Category, str], Declaration] = {}
    for event in _events(reader, data):
        key = (event.category, event.name)
        if first := earlier.get(key) or events.get(key):
            raise CatalogueError(
                f"{event.category}.{event.name} is already declared in {first.path}:{first.line}; rename or remove one",
                path=event.path,
                line=event.line,
            )
        events[key] = event
    if len(earlier) + len(events) > MAXIMUM_ENTRIES:
        raise CatalogueError(f"more than {MAXIMUM_ENTRIES} events", path=str(path))
    return events, routes


def current_catalogue() -> Catalogue:
    """The catalogue of today (UTC), one object for each day. The files are read once in a process."""
    return _of_day(conf.catalogue_paths, datetime.now(UTC).date())


@lru_cache(maxsize=1)
def _of_day(paths: tuple[Path, ...], today: date) -> Catalogue:
    return replace(_read_once(paths), today=today)


@lru_cache(maxsize=1)
def _read_once(paths: tuple[Path, ...]) -> Catalogue:
    return usable_catalogue(paths)


def _read_file(path: Path) -> "tuple[_Reader, dict[str, Any]]":
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors write a byte order mark
        data = tomllib.loads(text)
    except OSError as error:
        raise CatalogueError(f"cannot be read: {error.strerror}", path=str(path)) from None
    except UnicodeDecodeError:
        raise CatalogueError("is not UTF-8", path=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise CatalogueError(f"is not TOML: {error}", path=str(path), line=int(found[1]) if found else None) from None
    except (ValueError, RecursionError):  # thousands of digits or of brackets
        raise CatalogueError("is not readable TOML", path=str(path)) from None
    return _Reader(str(path), text), data


def _events(reader: "_Reader", data: dict[str, Any]) -> Iterator[Declaration]:
    for category_name, entries in data.items():
        if category_name not in set(Category):
            raise reader.error(f"unknown category {category_name!r}", category_name)
        if not isinstance(entries, dict):
            raise reader.error(f"{category_name} must be a table", category_name)
        for name, entry in entries.items():
            yield reader.event(Category(category_name), name, entry)


class _Routes(NamedTuple):
    words: frozenset[str]
    pages: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Parses one file's tables into events, and finds line numbers for errors."""

    path: str
    text: str

    def line_of(self, *parts: str) -> int | None:
        name = r"\s*\.\s*".join(rf'"?{re.escape(part)}"?' for part in parts)
        header = re.compile(rf"^\s*\[{{1,2}}\s*{name}\s*[\].]")
        for number, line in enumerate(self.text.splitlines(), 1):
            if header.match(line) or (len(parts) == 1 and line.lstrip().startswith(parts[0])):
                return number
        return self.line_of(*parts[:-1]) if len(parts) > 1 else None

    def error(self, message: str, *parts: str) -> CatalogueError:
        return CatalogueError(message, path=self.path, line=self.line_of(*parts))

    def event(self, category: Category, name: str, entry: Any) -> Declaration:
        where = (category.value, name)
        if not NAME.fullmatch(name):
            raise self.error(f"{name!r} is not a valid name (lower case letters, digits and _, at most 63)", *where)
        if not isinstance(entry, dict):
            raise self.error(f"{category}.{name} must be a table", *where)
        allowed = {"description", "purpose", "owner", "expires", "browser", "metadata"}
        if category is Category.FEATURE_USAGE:
            allowed.add("actions")
        self._only(entry, allowed, where)
        texts = {key: self._text(entry, key, where) for key in ("description", "purpose", "owner")}
        expires = entry.get("expires")
        if type(expires) is not date:
            raise self.error(f"{category}.{name} needs `expires`, a date such as 2028-01-01", *where)
        browser = entry.get("browser", False)
        if not isinstance(browser, bool):
            raise self.error(f"{category}.{name}: `browser` must be true or false", *where)
        actions = frozenset[str]()
        if category is Category.FEATURE_USAGE:
            actions = self._names(entry.get("actions"), "actions", NAME, where)
        metadata = entry.get("metadata", {})
        if not isinstance(metadata, dict):
            raise self.error(f"{category}.{name}: `metadata` must be a table", *where)
        return Declaration(
            category=category,
            name=name,
            expires=expires,
            actions=actions,
            browser=browser,
            fields=MappingProxyType({key: self.field(key, field, where) for key, field in metadata.items()}),
            path=self.path,
            line=self.line_of(*where) or 1,
            **texts,
        )

    def routes(self, entry: Any) -> _Routes:
        if not isinstance(entry, dict):
            raise self.error(f"{ROUTES} must be a table", ROUTES)
        patterns = {"words": ROUTE_WORD, "pages": PAGE}
        self._only(entry, set(patterns), (ROUTES,))
        found = {key: self._names(entry[key], key, patterns[key], (ROUTES,)) for key in entry}
        return _Routes(found.get("words", frozenset()), found.get("pages", frozenset()))

    def field(self, key: str, entry: Any, event: tuple[str, str]) -> Field:
        where = (*event, "metadata", key)
        if not NAME.fullmatch(key):
            raise self.error(f"{key!r} is not a valid name (lower case letters, digits and _, at most 63)", *where)
        if not isinstance(entry, dict):
            raise self.error(f"metadata {key} must be a table", *where)
        kind = entry.get("type")
        if not isinstance(kind, str) or kind not in set(FieldType):
            raise self.error(f"metadata {key}: `type` must be one of {', '.join(FieldType)}", *where)
        type_ = FieldType(kind)
        numeric = type_ in {FieldType.INTEGER, FieldType.NUMBER}
        extra = {"minimum", "maximum"} if numeric else {"choices"} if type_ is FieldType.CHOICE else set[str]()
        self._only(entry, {"type", "description"} | extra, where)
        minimum, maximum = (self._bound(entry, bound, where) for bound in ("minimum", "maximum")) if numeric else (0, 0)
        if minimum > maximum:
            raise self.error(f"metadata {key}: `minimum` is above `maximum`", *where)
        return Field(
            name=key,
            type=type_,
            description=self._text(entry, "description", where),
            minimum=minimum,
            maximum=maximum,
            choices=self._names(entry.get("choices"), "choices", CHOICE, where)
            if type_ is FieldType.CHOICE
            else frozenset(),
        )

    def _only(self, entry: dict[str, Any], allowed: set[str], where: tuple[str, ...]) -> None:
        if unknown := sorted(set(entry) - allowed):
            raise self.error(f"{'.'.join(where)}: unknown {', '.join(unknown)}", *where)

    def _text(self, entry: dict[str, Any], key: str, where: tuple[str, ...]) -> str:
        value = entry.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{'.'.join(where)} needs `{key}`, a text", *where)
        return value.strip()

    def _bound(self, entry: dict[str, Any], key: str, where: tuple[str, ...]) -> float:
        value = entry.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= LARGEST_INTEGER:
            raise self.error(f"{'.'.join(where)} needs `{key}`, a number of at most 2^53", *where)
        return value

    def _names(self, value: Any, key: str, pattern: re.Pattern[str], where: tuple[str, ...]) -> frozenset[str]:
        if not isinstance(value, list) or not value:
            raise self.error(f"{'.'.join(where)} needs `{key}`, a list of names", *where)
        if not all(isinstance(item, str) and pattern.fullmatch(item) for item in value):
            wanted = "a path such as /boards/:id" if pattern is PAGE else "a plain name"
            raise self.error(f"{'.'.join(where)}: each of `{key}` must be {wanted}", *where)
        return frozenset(value)

"""The catalogue: what it accepts of a value, and how it answers every kind of broken file."""

import math
from itertools import groupby
from pathlib import Path
from uuid import UUID

import pytest
from django.core.checks import run_checks
from pytest_django.fixtures import Settings

from analytics.catalogue import Field, FieldType, current_catalogue, load_catalogue
from analytics.conf import conf
from analytics.exceptions import CatalogueError, InvalidValue, UndeclaredEvent
from analytics.person import PersonalTelemetry
from analytics.vocabulary import Category

ACTIONS = 'actions = ["begun"]\n'
EVENT = """\
[feature_usage.dance]
description = "A dance."
purpose = "See who dances."
owner = "team@example.org"
expires = 2999-01-01
actions = ["begun"]
"""
COUNT = """
[feature_usage.dance.metadata.steps]
type = "integer"
minimum = 0
maximum = 10
description = "How many."
"""
STYLE = """
[feature_usage.dance.metadata.style]
type = "choice"
choices = ["waltz", "tango"]
description = "Which."
"""
ID = UUID("0190d3a4-0000-8000-8000-000000000001")
KEY_OF_AN_OBJECT = "0190d3a4-0000-7000-8000-000000000001"


def without(text: str, key: str) -> str:
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(f"{key} =")]
    assert len(lines) == text.count("\n") - 1, f"{key} is not there once"
    return "".join(lines)


def instead(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


# What is wrong -> the file, the line that is to blame, what is said of it.
BROKEN: dict[str, tuple[str, int | None, str]] = {
    "not TOML": (f"{EVENT}\nthis is prose\n", 8, "is not TOML"),
    "the same event twice": (EVENT + EVENT, 7, "is not TOML"),
    "a number of 5000 digits": (f"{EVENT}maximum = {'9' * 5000}\n", None, "is not readable TOML"),
    "5000 brackets": (f"{EVENT}maximum = {'[' * 5000}\n", None, "is not readable TOML"),
    "unknown category": (f"{EVENT}\n[gossip.dance]\n", 8, "unknown category 'gossip'"),
    "a category that is a number": ("\nfeature_usage = 3\n", 2, "feature_usage must be a table"),
    "a category that is a list": ("\n[[feature_usage]]\n", 2, "feature_usage must be a table"),
    "an event that is a number": ("\n[feature_usage]\ndance = 3\n", 2, "feature_usage.dance must be a table"),
    "event name": (instead(EVENT, "usage.dance", "usage.Dance"), 1, "'Dance' is not a valid name"),
    "unknown key of an event": (f"{EVENT}colour = 3\n", 1, "unknown colour"),
    "no description": (without(EVENT, "description"), 1, "needs `description`"),
    "no purpose": (without(EVENT, "purpose"), 1, "needs `purpose`"),
    "no owner": (without(EVENT, "owner"), 1, "needs `owner`"),
    "blank owner": (instead(EVENT, "team@example.org", "  "), 1, "needs `owner`"),
    "no expiry": (without(EVENT, "expires"), 1, "needs `expires`, a date"),
    "expiry as text": (instead(EVENT, "2999-01-01", '"2999-01-01"'), 1, "needs `expires`, a date"),
    "expiry with a time": (instead(EVENT, "2999-01-01", "2999-01-01T00:00:00Z"), 1, "needs `expires`, a date"),
    "browser as text": (f'{EVENT}browser = "yes"\n', 1, "`browser` must be true or false"),
    "no actions": (without(EVENT, "actions"), 1, "needs `actions`, a list of names"),
    "empty actions": (instead(EVENT, '["begun"]', "[]"), 1, "needs `actions`, a list of names"),
    "action that is no name": (instead(EVENT, "begun", "Be gun"), 1, "each of `actions` must be a plain name"),
    "actions where there are none": (instead(EVENT, "feature_usage", "user_activity"), 1, "unknown actions"),
    "metadata that is a number": (f"{EVENT}metadata = 3\n", 1, "`metadata` must be a table"),
    "a field that is a number": (f"{EVENT}metadata.steps = 3\n", 1, "metadata steps must be a table"),
    "field name": (EVENT + instead(COUNT, "steps", "Steps"), 8, "'Steps' is not a valid name"),
    "no type": (EVENT + without(COUNT, "type"), 8, "`type` must be one of integer, number"),
    "unknown type": (EVENT + instead(COUNT, '"integer"', '"text"'), 8, "`type` must be one of integer, number"),
    "type that is a list": (EVENT + instead(COUNT, '"integer"', '["integer"]'), 8, "`type` must be one of"),
    "unknown key of a field": (f"{EVENT}{COUNT}colour = 3\n", 8, "unknown colour"),
    "choices of an integer": (f'{EVENT}{COUNT}choices = ["a"]\n', 8, "unknown choices"),
    "field without description": (EVENT + without(COUNT, "description"), 8, "needs `description`"),
    "no minimum": (EVENT + without(COUNT, "minimum"), 8, "needs `minimum`, a number"),
    "no maximum": (EVENT + without(COUNT, "maximum"), 8, "needs `maximum`, a number"),
    "bound as text": (EVENT + instead(COUNT, "10", '"10"'), 8, "needs `maximum`, a number"),
    "bound that is true": (EVENT + instead(COUNT, "10", "true"), 8, "needs `maximum`, a number"),
    "infinite bound": (EVENT + instead(COUNT, "10", "inf"), 8, "needs `maximum`, a number"),
    "bound that is not a number": (EVENT + instead(COUNT, "10", "nan"), 8, "needs `maximum`, a number"),
    "bound too large for JSON": (EVENT + instead(COUNT, "10", str(2**53)), 8, "needs `maximum`, a number"),
    "bounds reversed": (EVENT + instead(COUNT, "10", "-1"), 8, "`minimum` is above `maximum`"),
    "no choices": (EVENT + without(STYLE, "choices"), 8, "needs `choices`, a list of names"),
    "choice with a space": (EVENT + instead(STYLE, "tango", "slow waltz"), 8, "each of `choices` must be a plain name"),
    "choice of 101 letters": (EVENT + instead(STYLE, "tango", "a" * 101), 8, "each of `choices` must be a plain name"),
    "choice that is a number": (EVENT + instead(STYLE, '"tango"', "3"), 8, "each of `choices` must be a plain name"),
    "routes that are a list": ("\n[[routes]]\n", 2, "routes must be a table"),
    "unknown key of routes": ('[routes]\npaths = ["a"]\n', 1, "unknown paths"),
    "words of routes as text": ('[routes]\nwords = "kanban"\n', 1, "needs `words`, a list of names"),
    "a path among words of routes": ('[routes]\nwords = ["a/b"]\n', 1, "each of `words` must be a plain name"),
    "pages as text": ('[routes]\npages = "/boards"\n', 1, "needs `pages`, a list of names"),
    "no pages": ("[routes]\npages = []\n", 1, "needs `pages`, a list of names"),
    **{
        f"the page {page!r}": (
            f"[routes]\npages = ['{page}']\n",
            1,
            "each of `pages` must be a path such as /boards/:id",
        )
        for page in ("", "boards", "/boards?q=1", "//boards", "/boards/{id}", "/:", "/a b", "/" + "a" * 64)
    },
    "of this project": (instead(EVENT, "usage.dance", "usage.test_run"), 1, "is already declared in"),
}


def complaints(settings: Settings, *paths: Path) -> list[tuple[str | None, str]]:
    settings.TELEMETRY_CATALOGUES = [str(path) for path in paths]
    return [(message.id, str(message.msg)) for message in run_checks(tags=["analytics"])]


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_a_numbered_error_with_file_and_line(what: str, tmp_path: Path, settings: Settings) -> None:
    text, line, complaint = BROKEN[what]
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")

    [(number, message)] = complaints(settings, path)

    assert number == "analytics.E005"
    assert message.startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert complaint in message


def test_a_missing_file_is_named(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "none.toml"

    assert complaints(settings, path) == [("analytics.E005", f"{path}: cannot be read: No such file or directory")]


def test_a_directory_is_named(tmp_path: Path, settings: Settings) -> None:
    assert complaints(settings, tmp_path) == [("analytics.E005", f"{tmp_path}: cannot be read: Is a directory")]


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(EVENT.replace("A dance", "Ein Tänzchen").encode("latin-1"))

    assert complaints(settings, path) == [("analytics.E005", f"{path}: is not UTF-8")]


def test_an_event_declared_in_two_files_names_both(tmp_path: Path, settings: Settings) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(f"\n{EVENT}")
    second.write_text(EVENT)

    assert complaints(settings, first, second) == [
        ("analytics.E005", f"{second}:1: feature_usage.dance is already declared in {first}:2; rename or remove one")
    ]


def test_more_events_than_anybody_reads_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("".join(instead(EVENT, "usage.dance", f"usage.dance_{number}") for number in range(1001)))

    with pytest.raises(CatalogueError, match="more than 1000 events"):
        load_catalogue([path])


def test_a_sound_file_is_added_to_this_projects_own(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "own.toml"
    path.write_text(EVENT + COUNT + STYLE)

    assert complaints(settings, path) == []
    dance = current_catalogue().current_declaration(Category.FEATURE_USAGE, "dance", "begun")
    assert dance.field("steps").maximum == 10
    assert current_catalogue().current_declaration(Category.USER_ACTIVITY, "login").owner


def test_words_of_routes_of_all_files_are_declared(tmp_path: Path, settings: Settings) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('[routes]\nwords = ["step1", "socket.io"]\n')
    second.write_text(f'{EVENT}\n[routes]\nwords = ["kanbanesque"]\n')

    assert complaints(settings, first, second) == []
    assert current_catalogue().route_words == {"step1", "socket.io", "kanbanesque"}


def test_pages_of_all_files_are_routes_of_page_views(tmp_path: Path, settings: Settings) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('[routes]\npages = ["/boards/:id", "/boards/:id/cards/:card_id/", "/"]\n')
    second.write_text('[routes]\npages = ["/v1.2/~boards"]\nwords = ["kanbanesque"]\n')

    assert complaints(settings, first, second) == []
    route = current_catalogue().current_declaration(Category.FEATURE_USAGE, "page_view", "viewed").field("route")
    for page in ("/boards/:id", "/boards/:id/cards/:card_id/", "/v1.2/~boards", "/", "/tests/:id", "other"):
        assert route.checked(page) == page
    with pytest.raises(InvalidValue):
        route.checked("/boards/4711")


@pytest.mark.parametrize(
    ("category", "name", "action", "complaint"),
    [
        (Category.FEATURE_USAGE, "sing", "begun", "declares no feature_usage 'sing'"),
        (Category.USER_ACTIVITY, "dance", None, "declares no user_activity 'dance'"),
        (Category.FEATURE_USAGE, "dance", "ended", "declares only the actions begun"),
        (Category.FEATURE_USAGE, "dance", None, "declares only the actions begun"),
        (Category.FEATURE_USAGE, "Ada Lovelace", "begun", "no feature_usage of such a name"),
    ],
)
def test_what_is_undeclared_is_named_only_if_it_looks_like_a_name(
    tmp_path: Path, category: Category, name: str, action: str | None, complaint: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(EVENT)

    with pytest.raises(UndeclaredEvent, match=complaint):
        load_catalogue([path]).current_declaration(category, name, action)


def field(kind: FieldType) -> Field:
    return Field("it", kind, "It.", minimum=-1, maximum=1_000_000, choices=frozenset({"a", "b"}))


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (FieldType.INTEGER, -1, -1),
        (FieldType.INTEGER, 1_000_000, 1_000_000),
        (FieldType.NUMBER, 3, 3.0),
        (FieldType.NUMBER, 0.5, 0.5),
        (FieldType.BOOLEAN, False, False),
        (FieldType.CHOICE, "b", "b"),
        (FieldType.PSEUDONYM, str(ID), str(ID)),
        (FieldType.PSEUDONYM, str(ID).upper(), str(ID)),
    ],
)
def test_a_value_that_fits_is_kept_as_the_type_that_is_stored(kind: FieldType, value: object, stored: object) -> None:
    found = field(kind).checked(value)

    assert (found, type(found)) == (stored, type(stored))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((FieldType.INTEGER, value) for value in (-2, 1_000_001, 1.0, True, "1", None, 10**400)),
        *((FieldType.NUMBER, value) for value in (math.nan, math.inf, -math.inf, True, "1", None, 10**400)),
        *((FieldType.BOOLEAN, value) for value in (0, 1, "true", None)),
        *((FieldType.CHOICE, value) for value in ("c", "", "a\0", "a" * 1_000_000, 1, None, ["a"], {"a": 1})),
        *(
            (FieldType.PSEUDONYM, value)
            for value in ("ada@example.org", ID, ID.hex, KEY_OF_AN_OBJECT, "x" * 36, 1, None)
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_without_repeating_it(kind: FieldType, value: object) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(kind).checked(value)

    assert str(caught.value) == f"metadata 'it' must be {field(kind).kind}"


@pytest.mark.parametrize(
    ("kind", "in_words"),
    [
        (FieldType.INTEGER, "integer from -1 to 1000000"),
        (FieldType.NUMBER, "number from -1 to 1000000"),
        (FieldType.BOOLEAN, "boolean"),
        (FieldType.CHOICE, "one of: a, b"),
        (FieldType.PSEUDONYM, "pseudonym (keyed hash of an id)"),
    ],
)
def test_a_type_in_words_has_every_digit(kind: FieldType, in_words: str) -> None:
    assert field(kind).kind == in_words


def test_the_events_of_rhesis_can_be_left_out(tmp_path: Path, settings: Settings) -> None:
    of_rhesis = {event.name for event in current_catalogue().events.values() if event.path.endswith("rhesis.toml")}
    assert {"test_run", "prompt", "button_click"} <= of_rhesis and not conf.has_own_catalogues
    own = tmp_path / "own.toml"
    own.write_text(EVENT.replace("usage.dance", "usage.test_run"))
    settings.TELEMETRY_RHESIS_EVENTS = False
    settings.TELEMETRY_CATALOGUES = [own]

    catalogue = current_catalogue()

    assert catalogue.problems == () and conf.has_own_catalogues
    kept = {event.name for event in catalogue.events.values()}
    assert kept & of_rhesis == {"test_run"} and catalogue.events[Category.FEATURE_USAGE, "test_run"].path == str(own)
    activities = {event.name for event in catalogue.of(Category.USER_ACTIVITY)}
    assert activities == {"login", "logout", "session_start", "session_end", "erasure_requested"}
    views = catalogue.declaration(Category.FEATURE_USAGE, "page_view", "viewed")
    assert views.field("route").choices == {"/", "/settings/privacy/", "other"}


def test_without_own_files_a_browser_still_learns_that_those_of_rhesis_are_left_out(settings: Settings) -> None:
    settings.TELEMETRY_RHESIS_EVENTS = False
    assert conf.has_own_catalogues


def test_people_see_the_events_of_all_files_by_category(tmp_path: Path, settings: Settings) -> None:
    """A page lists each category once."""
    (tmp_path / "own.toml").write_text(EVENT.replace("feature_usage.dance", "user_activity.dance").replace(ACTIONS, ""))
    settings.TELEMETRY_CATALOGUES = [str(tmp_path / "own.toml")]

    events = PersonalTelemetry().events()

    assert "dance" in {event.name for event in events}
    categories = [category for category, _ in groupby(events, key=lambda event: event.category)]
    assert categories == [category.value for category in Category]

"""The grammar of routes, by the table that the browser package's tests read too, and by what it never lets by."""

import ipaddress
import json
import re
import string
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import routes
from analytics.catalogue import current_catalogue
from analytics.routes import LONGEST_ROUTE, IsQuery, canonical
from analytics.routes.words import FORMATS, is_name, is_text, is_text_beside_placeholder, vocabulary
from analytics.vocabulary import UNRECOGNISED_ROUTE, Category
from tests import profile

TABLE: dict[str, list[dict[str, str]]] = json.loads((Path(__file__).parents[1] / "routes.json").read_text())
EXAMPLES = profile.examples(1_000, long=100_000)
SAFE = set(string.ascii_letters + string.digits + "/{}.-_:@,~")


def by_route(case: dict[str, str]) -> str:
    return case.get("route") or case["path"] or "nothing"


@pytest.mark.parametrize("case", TABLE["patterns"], ids=by_route)
def test_the_notation_of_every_framework_becomes_one_pattern(case: dict[str, str]) -> None:
    stored = canonical(case["route"], trusted=True)
    of_others = canonical(case["route"], trusted=False)

    assert stored.pattern == case["stored"]
    assert of_others.pattern == case.get("stored_of_others", case["stored"])


@pytest.mark.parametrize("case", TABLE["paths"], ids=by_route)
def test_a_path_ends_as_a_pattern_without_what_was_its_own(case: dict[str, str]) -> None:
    stored = canonical(case["path"], trusted=False)
    of_ours = canonical(case["path"], trusted=True)

    assert stored.pattern == case["stored"]
    assert of_ours.pattern == case.get("stored_of_ours", case["stored"])


@pytest.mark.parametrize("case", [*TABLE["patterns"], *TABLE["paths"]], ids=by_route)
@pytest.mark.parametrize("trusted", [True, False])
def test_a_pattern_is_its_own_pattern(case: dict[str, str], trusted: bool) -> None:
    """So a span that our middleware made is stored as it was sent, and a second collector changes nothing."""
    once = canonical(by_route(case), trusted=trusted).pattern

    assert canonical(once, trusted=True) == (once, False)


READ = {
    # What may be missing is there, and a slash at the end that may be missing is not.
    "/users?": "/users",
    "/users?/list": "/users/list",
    "^things?$": "/things",
    "^things?list$": "/thingslist",
    "^users/b?c/d$": "/users/bc/d",
    "^users/?$": "/users",
    "/?": "/",
    "?": "/",
    "^x/(?P<list>b)/?$": "/x/{list}",
    # Express' modifiers stand behind a name, and end with it.
    "/:id?/edit": "/{id}/edit",
    "/:id*/edit": "/{id}/edit",
    "/:id+/edit": "/{id}/edit",
    "/:id(\\d+)?/edit": "/{id}/edit",
    "/:id-:list": "/{id}-{list}",
    "/:id:list": "/{id}{list}",
    "/users:list": "/users:list",
    "/users-:list": "/users-{list}",
    # Groups and classes end where a regex ends them.
    "^(?P<name>a\\)b)/list$": "/{name}/list",
    "^(?P<pk>\\d)/list$": "/{pk}/list",
    "^(?P<pk>[)(])/list$": "/{pk}/list",
    "^x/[]a]+/list$": "/x/{...}/list",
    "^x/[^]a]+/list$": "/x/{...}/list",
    "^x/[a]/list$": "/x/{...}/list",
    "^x/[\\]a]/list$": "/x/{...}/list",
    "^x/[ab]list$": "/x/{...}list",
    "^(?:x/[ab])/list$": "/x/{...}/list",
    "^x/(?:a|b)/list$": "/x/{...}/list",
    "^x/(?:users/)?list$": "/x/users/list",
    "^x/(?=b)list$": "/x/list",
    "^x/(?#b)list$": "/x/list",
    "^x/(?i)list$": "/x/list",
    "^(?i:users)/list$": "/users/list",
    "^x{2}/list$": "/x/list",
    "^x+/list$": "/x/list",
    "^" + "(?:" * 6 + "users" + ")" * 6 + "$": "/users",
    "^x/\\d\\d/list$": "/x/{...}/list",
    "/{id}{id}": "/{id}{id}",
    "^users\\/?$": "/users",
    "^users*/list$": "/users/list",
    "/users(/*path)": "/users/{path}",
    # A dot is a dot, but for one that repeats.
    "^files/.*$": "/files/{...}",
    "^files/.+/edit$": "/files/{...}/edit",
    "^robots.txt$": "/robots.txt",
    "^users\\w+/list$": "/users{...}/list",
    "^users\\/list$": "/users/list",
    "^users\\Z": "/users",
    # Brackets of Next.js are whole segments; of ASP.NET, too.
    "[id]/edit": "/{id}/edit",
    "/[id].json": "/{id}.json",
    "/[[...path]]": "/{path}",
    "/{ id }": "/{id}",
    "/< id >": "/{id}",
    "/{$}": "/",
    "/users{?q,page}": "/users",
    "/users{&q}": "/users",
    "/{/:id}": "/{id}",
    "/{}/list": "/{...}/list",
    "/x(:id)": "/x{id}",
    "/users(/:locale)/list": "/users/{locale}/list",
    "/users(.:format)": "/users",
    "/{id}{list}": "/{id}{list}",
    "/**": "/{...}",
    "/*/*": "/{...}/{...}",
    "GET host/users": "/users",
    "": "/",
}


@pytest.mark.parametrize("text", READ)
def test_a_pattern_of_any_notation_is_read_whole(text: str) -> None:
    assert canonical(text, trusted=True) == (READ[text], False)


@pytest.mark.parametrize(
    "text",
    ["users[id]", "/[a b]", "/users^list", "/users$list", "/users+list", "/a|b", "/<1>", "/{a@b}", "/a)", "^a/?)$"],
)
def test_what_is_a_sign_elsewhere_is_text_and_no_word(text: str) -> None:
    pattern, is_cut = canonical(text, trusted=True)
    assert is_cut and pattern == "/{...}"


@pytest.mark.parametrize("text", ["^a|b$", "^a\\q", "/(a", "^a[b", "^(?:a", "^" + "(?:" * 9 + "a" + ")" * 9])
def test_what_ends_nowhere_or_means_two_things_is_unrecognised(text: str) -> None:
    assert canonical(text, trusted=True) == (UNRECOGNISED_ROUTE, True)


@pytest.mark.parametrize("trusted", [True, False])
def test_of_an_address_with_a_host_only_known_words_stay_even_of_a_pattern(trusted: bool) -> None:
    assert canonical("https://jane.example/users/list", trusted=trusted) == ("/users/list", True)
    assert canonical("//jane.example/usrList/{id}", trusted=trusted) == ("/{...}/{id}", True)


def test_a_route_is_as_long_as_its_column_and_has_up_to_32_segments() -> None:
    pattern = ("/{" + "to" * 12 + "}") * 18 + "/{" + "to" * 11 + "t}"
    shorter = ("/:" + "to" * 12) * 18 + "/:" + "to" * 11 + "t"
    assert len(pattern) == 512
    assert canonical(pattern, trusted=True) == canonical(shorter, trusted=True) == (pattern, False)
    assert canonical(pattern + "-", trusted=True) == (UNRECOGNISED_ROUTE, True)
    assert canonical(shorter + "o", trusted=True) == (UNRECOGNISED_ROUTE, True)
    assert canonical("/users" * 32, trusted=True) == ("/users" * 32, False)
    assert canonical("/users" * 33, trusted=True) == (UNRECOGNISED_ROUTE, True)


@pytest.mark.parametrize(
    ("text", "lenient", "strict"),
    [
        ("to" * 12, True, False),
        ("to" * 12 + "t", False, False),
        ("-".join(["to" * 12] * 2 + ["to" * 7]), True, False),
        ("-".join(["to" * 12] * 2 + ["to" * 7 + "t"]), False, False),
        ("-".join(["to"] * 8), True, True),
        ("-".join(["to"] * 9), False, False),
        *(
            (word, True, True)
            for word in ("list.json", ".json", "v1", "v1.2.3", "toDo", "userID", "users:list", "Base64")
        ),
        *((word, True, False) for word in ("usrList", "xyz", "bcd", "banana", "fade")),
        *(
            (word, False, False)
            for word in ("", "list.jane", "list.", "v123", "toXy", "aB", "aaab", "facade", "localhost")
        ),
        *((word, False, False) for word in ("bcdf", "bcdfga", "users:1", "a--b", "été", "jane2")),
    ],
)
def test_text_of_a_route_is_words(text: str, lenient: bool, strict: bool) -> None:
    assert is_text(text, lenient=True, declared=frozenset()) is lenient
    assert is_text(text, lenient=False, declared=frozenset()) is strict


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((name, True) for name in ("id", "pk", "_id_", "user_id2", "id2", "a1", "oauth2", "v2", "userId2")),
        *((name, False) for name in ("", "_", "2", "id22", "user_id22", "user2_id", "bcdf2", "localhost", "jane@x")),
        ("_".join(["to"] * 8), True),
        ("_".join(["to"] * 9), False),
    ],
)
def test_a_name_consists_of_words_and_may_end_in_a_digit(name: str, is_one: bool) -> None:
    assert is_name(name) is is_one


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        *(
            (text, True, True)
            for text in ("", "-", "-list", "list-", "~list", "@list", ",list", ".json", ".csv", "list.json")
        ),
        *((text, False, False) for text in (".jane", "cancel:", "a:b", ":a:b", "jane2")),
        (":cancel", False, True),
    ],
)
def test_text_beside_a_placeholder_is_words_an_ending_or_a_method(text: str, before: bool, after: bool) -> None:
    for is_after in (True, False):
        is_one = is_text_beside_placeholder(text, is_after=is_after, lenient=False, declared=frozenset())
        assert is_one is (after if is_after else before)


@pytest.mark.parametrize("path", ["/search?q=jane", "/users?email=jane@example.org", "/a?b", "/search/?q=jane", "?q"])
def test_a_path_with_a_query_is_none(path: str) -> None:
    with pytest.raises(IsQuery):
        canonical(path, trusted=False)


@pytest.mark.parametrize(
    "text",
    ["/" + "a/" * 33, "{" * 100, "(" * 100 + ")" * 100, "/" + "{:a" * 40 + "}" * 40, "/[", "^[a", "\\", "/(?P<", "/<a"],
)
def test_what_is_in_no_notation_is_unrecognised_and_never_stored_as_text(text: str) -> None:
    assert canonical(text, trusted=True).pattern in (UNRECOGNISED_ROUTE, "/{...}")


def test_words_of_an_installation_are_declared_in_its_catalogue() -> None:
    declared = frozenset({"step1", "socket.io", "kanbanesque"})

    assert canonical("/socket.io/", trusted=False, declared=declared) == ("/socket.io/", False)
    assert canonical("/kanbanesque-items/step1", trusted=False, declared=declared).pattern == "/kanbanesque-items/step1"
    assert canonical("/step2", trusted=False, declared=declared) == ("/{...}", True)


def test_the_pages_that_a_browser_may_report_are_patterns_of_the_grammar() -> None:
    [field] = [
        event.fields["route"] for event in current_catalogue().of(Category.FEATURE_USAGE) if "route" in event.fields
    ]

    for page in field.choices - {"other"}:
        route = canonical(page, trusted=False)
        assert (route.pattern.replace("{id}", ":id"), route.is_cut) == (page, False)


def test_the_vocabulary_has_words_only() -> None:
    assert all(word.isascii() and word.isalnum() and word.islower() for word in vocabulary())
    assert not vocabulary() & {"jane", "john", "smith", "maria", "ahmed", "wei", "localhost", "berlin"}


def _hosts() -> st.SearchStrategy[str]:
    label = st.text(string.ascii_lowercase, min_size=2, max_size=12)
    return st.builds(".".join, st.lists(label, min_size=2, max_size=4)).filter(
        lambda host: host.rpartition(".")[2] not in FORMATS  # none of which is the end of a real one
    )


def _tokens() -> st.SearchStrategy[str]:
    """Of 16 and more characters that are not all letters of one case, as every generator of secrets makes them."""
    alphabet = string.ascii_letters + string.digits + "-_"
    return st.text(alphabet, min_size=16, max_size=60).filter(
        lambda token: any(each.isdigit() for each in token) and any(each.isalpha() for each in token)
    )


PERSONAL = st.one_of(
    st.emails().filter(lambda address: "/" not in address),
    st.integers(min_value=0).map(str),
    st.integers(min_value=0).map(hex),
    st.floats(min_value=0, allow_nan=False, allow_infinity=False).map(str).filter(lambda text: len(text) > 2),
    st.uuids().map(str),
    st.uuids().map(lambda uuid: uuid.hex),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{ipaddress.ip_address(address).exploded}]:8443"),
    st.from_regex(r"\+[1-9][0-9]{7,13}", fullmatch=True),
    st.from_regex(r"eyJ[A-Za-z0-9_-]{20,60}\.eyJ[A-Za-z0-9_-]{20,60}\.[A-Za-z0-9_-]{20,43}", fullmatch=True),
    st.binary(min_size=12, max_size=32).map(lambda raw: raw.hex()),
    st.dates().map(str),
    st.text(min_size=1, max_size=20).filter(lambda text: not text.isascii() and text.isalpha()),
    _hosts(),
    _tokens(),
)
# Where it is put: alone, among words, in placeholders of every notation, beside words and signs.
PLACES = (
    *("/PUT", "/users/PUT", "/users/PUT/orders", "PUT", "users/PUT", "/api/v1/PUT/", "/{id}/PUT", "^users/PUT/$"),
    *("/users/<PUT>", "/:PUT", "/users/{PUT}", "/users/(PUT)", "/users/[PUT]", "/users/PUT.json", "/users-PUT"),
    *("/a;b=PUT", "https://PUT/users", "/users/@PUT", "/{id}-PUT", "//PUT/x", "/users/PUT:cancel", "/users/*PUT"),
    *("/users/(?:PUT)", "/users/~PUT", "/users/{id:PUT}", "/users/:id(PUT)", "/PUT-{id}", "/{id}.PUT", "/{PUT}.{id}"),
)
WORDS_OF_PLACES = set(re.findall(r"\w+", " ".join(PLACES))) - {"PUT"} | {"unrecognised"}


@settings(max_examples=EXAMPLES)
@given(PERSONAL, st.sampled_from([*PLACES, "GET PUT/users"]), st.booleans())
def test_nothing_personal_that_is_put_into_a_path_is_in_the_pattern(personal: str, place: str, trusted: bool) -> None:
    text = place.replace("PUT", personal)
    try:
        pattern = canonical(text, trusted=trusted).pattern
    except IsQuery:
        return
    assert set(re.findall(r"\w+", pattern)) <= WORDS_OF_PLACES, f"{text} became {pattern}"


@settings(max_examples=EXAMPLES)
@given(st.text() | st.text("/{}<>()[]:*?^$\\.|+-_aZ0@", max_size=60), st.booleans())
def test_whatever_comes_the_pattern_is_short_plain_and_stays(text: str, trusted: bool) -> None:
    try:
        route = canonical(text, trusted=trusted)
    except IsQuery:
        return
    assert set(route.pattern) <= SAFE and len(route.pattern) <= LONGEST_ROUTE
    assert canonical(route.pattern, trusted=True) == (route.pattern, False)


def test_a_path_is_not_remembered() -> None:
    secret = uuid4().hex
    canonical(f"/users/{secret}", trusted=False)
    canonical(f"/users/{secret}", trusted=True)

    assert not any(secret in text for text, _, _ in routes._known)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes._known, "most", 20)
    for first in string.ascii_lowercase:
        canonical(f"/{first}/{{id}}", trusted=False)

    assert 0 < len(routes._known) <= 20

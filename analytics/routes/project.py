"""The routes of this project's own URLconf: text that the grammar lets by whole, because no person is in it."""

from collections.abc import Iterator
from functools import lru_cache

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import LocalePrefixPattern

from analytics.routes import IsQuery, canonical


def project_routes() -> frozenset[str]:
    """Each route of the URLconf, as Django has it (stock instrumentation sends that) and as the site sends it."""
    return _routes_of(settings.ROOT_URLCONF, tuple(code for code, _ in settings.LANGUAGES))


@lru_cache(maxsize=8)
def _routes_of(urlconf: str, languages: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for route in _routes(get_resolver(urlconf), "", languages):
        found.add(route)
        try:
            found.add(canonical(route, trusted=True).pattern)
        except IsQuery:
            continue  # the site sends it as unrecognised
    return frozenset(found)


def _routes(resolver: URLResolver, before: str, languages: tuple[str, ...]) -> Iterator[str]:
    for entry in resolver.url_patterns:
        for own in _texts(entry, languages):
            # As ResolverMatch.route has it: a regex within another one begins without its sign.
            route = before + (own.removeprefix("^") if before else own)
            if isinstance(entry, URLPattern):
                yield route
            else:
                yield from _routes(entry, route, languages)


def _texts(entry: URLPattern | URLResolver, languages: tuple[str, ...]) -> list[str]:
    """Of one entry: its text, or that in each language. An address without a prefix is of the default language."""
    if isinstance(entry.pattern, LocalePrefixPattern):
        return ["", *(f"{code}/" for code in languages)]
    return [str(entry.pattern)]
